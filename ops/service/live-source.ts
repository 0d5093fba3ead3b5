import { basename } from 'node:path';
import { type Reaching, untilReached } from '../../connectors/kafka/client/retry-until-connected.ts';
import { KafkaSource } from '../../connectors/kafka/kafka-source.ts';
import { OldTimes } from '../../connectors/kafka/reading/retention-watch.ts';
import { KafkaCluster } from '../../connectors/kafka/topics/cluster.ts';
import { checkTopics, type TopicWarning } from '../../connectors/kafka/topics/topic-checks.ts';
import { followedLog } from '../../connectors/log-files/log/followed-log.ts';
import { listLogs } from '../../connectors/log-files/log/list-logs.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { EventSource, LogEnd, PartitionId, RecordBatch, StoredPosition } from '../../pipeline/ports.ts';
import { kafkaOptionsOf } from '../kafka-options.ts';
import type { Config } from '../settings.ts';
import { keptMembership } from './member-file.ts';

/** A source that never ends, and what its log says of itself beside the reading. */
export interface LiveSource extends EventSource {
  readonly what: string;
  /** The partitions that are ours now; null: all that the log has. */
  assigned(): readonly PartitionId[] | null;
  /** How far the log reaches. Throws what ends the service, such as `SOURCE_CHANGED`, and `SOURCE_UNREACHABLE` for now. */
  ends(): Promise<readonly LogEnd[]>;
  /** Why nothing is read at the moment; null when all is well. */
  problem(): string | null;
  /** Called now and then with what is stored, for tools that look at the log only. */
  tell(positions: readonly StoredPosition[]): Promise<void>;
  close(): Promise<void>;
}

interface Opening extends Pick<Reaching, 'log' | 'signal' | 'onProblem'> {
  /** Told what of a topic will hurt later, at the start and while it is read. */
  readonly onWarning: (warning: TopicWarning) => void;
}

/** Opens what the settings name. Throws `CONFIG_INVALID` when they name none or two; waits for a Kafka that is not there yet. */
export async function openLiveSource(config: Config, opening: Opening): Promise<LiveSource> {
  const hasKafka = config.kafka_brokers.length > 0;
  if (hasKafka === (config.log_folder !== null)) {
    const given = hasKafka ? 'both are given' : 'neither is given';
    throw new TidemarkError(
      'CONFIG_INVALID',
      `a source is needed: kafka_brokers and kafka_topics, or log_folder; ${given}`,
    );
  }
  return config.log_folder === null ? openKafka(config, opening) : openFolder(config, config.log_folder);
}

async function openKafka(config: Config, opening: Opening): Promise<LiveSource> {
  const { log } = opening;
  const warn = (warning: TopicWarning): void => {
    log.warn({ topic: warning.topic, kind: warning.kind }, warning.sentence);
    opening.onWarning(warning);
  };
  const options = kafkaOptionsOf(config);
  const cluster = await KafkaCluster.open(options, log, opening.signal, opening.onProblem);
  try {
    const horizonMs = config.kafka_replay_horizon_hours * 3_600_000;
    const checks = { cluster, topics: options.topics, horizonMs, now: Date.now() };
    const reaching = { ...opening, what: 'look at the topics', brokers: options.brokers };
    const { warnings, retentions } = await untilReached(reaching, () => checkTopics(checks));
    for (const warning of warnings) warn(warning);
    const oldTimes = new OldTimes(retentions);
    const source = new KafkaSource(cluster, options, log, keptMembership(config.db, options.group));
    return {
      what: `Kafka at ${options.brokers.join(', ')}`,
      read: (stored, until) => lookedThrough(source.read(stored, until), oldTimes, warn),
      assigned: () => source.assigned,
      async ends() {
        const asked = Date.now();
        const ends = await source.ends();
        oldTimes.looked(ends, asked);
        return ends;
      },
      problem: () => source.problem,
      tell: positions => source.tellGroup(positions),
      close: () => cluster.close(),
    };
  } catch (error) {
    await cluster.close();
    throw error;
  }
}

/** The batches as they are, each looked at for times that its topic's retention eats. */
async function* lookedThrough(
  batches: AsyncIterable<RecordBatch>,
  oldTimes: OldTimes,
  warn: (warning: TopicWarning) => void,
): AsyncGenerator<RecordBatch> {
  for await (const batch of batches) {
    const warning = oldTimes.warningOf(batch);
    if (warning !== null) warn(warning);
    yield batch;
  }
}

async function openFolder(config: Config, path: string): Promise<LiveSource> {
  const source = followedLog({ path, batchRecords: config.batch_records, batchBytes: config.batch_bytes });
  return {
    what: `the log ${basename(path)}`,
    read: (stored, until) => source.read(stored, until),
    assigned: () => null,
    async ends() {
      const logs = await listLogs(path);
      return logs.map(({ topic, partition, low, high }) => ({ partition: { topic, partition }, low, high }));
    },
    problem: () => null,
    tell: async () => undefined,
    close: async () => undefined,
  };
}
