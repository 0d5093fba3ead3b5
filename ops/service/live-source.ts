import { basename } from 'node:path';
import type { KafkaOptions } from '../../connectors/kafka/client/options.ts';
import { retryUntilConnected } from '../../connectors/kafka/client/retry-until-connected.ts';
import { KafkaSource } from '../../connectors/kafka/kafka-source.ts';
import { RetentionWatch } from '../../connectors/kafka/reading/retention-watch.ts';
import { KafkaCluster } from '../../connectors/kafka/topics/cluster.ts';
import { checkTopics, type TopicFinding, type TopicsFound } from '../../connectors/kafka/topics/topic-checks.ts';
import { FollowedLogSource } from '../../connectors/log-files/followed-log-source.ts';
import { listLogs } from '../../connectors/log-files/log/list-logs.ts';
import type { AssignedPartition, Look } from '../../pipeline/completeness/changes.ts';
import type { FollowedTopic } from '../../pipeline/completeness/sources.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { ShrinkingSource } from '../../pipeline/ingest/shrinking-source.ts';
import type {
  LiveEventSource,
  Log,
  PartitionId,
  RecordBatch,
  SecondReading,
  StoredPosition,
} from '../../pipeline/ports.ts';
import { kafkaOptionsOf, topicChecksOf } from '../kafka-options.ts';
import type { Config } from '../settings/settings.ts';
import { savedMember } from './member-file.ts';

/** The log that the service follows: topics of Kafka, or a local log folder. It never ends by itself. */
export interface LiveSource extends LiveEventSource {
  /** Connects, and waits for a Kafka that does not answer yet. `read`, `look` and `commit` must be called after it resolves. */
  connect(): Promise<void>;
  /** The name of the source, for messages; null before it is connected. */
  name(): string | null;
  /** Why nothing is read at the moment; null while events are read. */
  problem(): string | null;
  /** The topics that it follows, also before it is connected; for a log folder, the folder itself. */
  topics(): readonly Pick<FollowedTopic, 'topic' | 'declared'>[];
  /** The partitions that this process reads now, and where each reading began. */
  assigned(): readonly AssignedPartition[];
  /**
   * The ends of all listed partitions, whoever reads them. Throws `SOURCE_UNREACHABLE` while the log does not answer; other
   * errors, such as `SOURCE_CHANGED`, end the service.
   */
  look(): Promise<Omit<Look, 'at'>>;
  /** Looks at the settings of all topics that the service uses. Throws as `look` does. */
  check(): Promise<Pick<TopicsFound, 'findings' | 'failures'>>;
  /** Makes the next `read` give batches of half the size; false when a batch holds one record only. */
  shrink(): boolean;
  /** Commits what is stored to the consumer group, for lag tools; Tidemark never reads it back. */
  commit(positions: readonly StoredPosition[]): Promise<void>;
  close(): Promise<void>;
}

interface LiveSourceParts {
  readonly config: Config;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Called with each problem of a topic that is found while the topic is read. */
  readonly onFinding: (finding: TopicFinding) => void;
}

/** The source that the settings name, not yet connected. Throws `CONFIG_INVALID` when they name none or two. */
export function liveSource(parts: LiveSourceParts): LiveSource {
  const { config } = parts;
  const hasKafka = config.kafka_brokers.length > 0;
  if (hasKafka === (config.log_folder !== null)) {
    const given = hasKafka ? 'both are given' : 'neither is given';
    const needed = 'a source is needed: kafka_brokers and kafka_topics, or log_folder';
    throw new TidemarkError('CONFIG_INVALID', `${needed}; ${given}`);
  }
  return config.log_folder === null ? new LiveTopics(parts) : liveFolder(parts, config.log_folder);
}

type Connection =
  | { readonly state: 'connecting'; readonly problem: string }
  | { readonly state: 'connected'; readonly cluster: KafkaCluster; readonly source: ShrinkingSource<KafkaSource> };

class LiveTopics implements LiveSource {
  readonly #parts: LiveSourceParts;
  readonly #options: KafkaOptions;
  #connection: Connection = { state: 'connecting', problem: 'the source of events is not reached yet' };

  constructor(parts: LiveSourceParts) {
    this.#parts = parts;
    this.#options = kafkaOptionsOf(parts.config);
  }

  async connect(): Promise<void> {
    const { log, signal } = this.#parts;
    const onProblem = (problem: string): void => {
      this.#connection = { state: 'connecting', problem };
    };
    const cluster = await KafkaCluster.open(this.#options, log, signal, onProblem);
    try {
      this.#connection = { state: 'connected', cluster, source: await this.#checkedSource(cluster, onProblem) };
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  async #checkedSource(cluster: KafkaCluster, onProblem: (problem: string) => void) {
    const { config, log, signal, onFinding } = this.#parts;
    const { brokers, group } = this.#options;
    const checks = topicChecksOf(config);
    const topics = checks.topics.filter(({ role }) => role === 'events');
    const { findings, retentions } = await retryUntilConnected(
      { what: 'look at the topics', brokers, log, signal, onProblem },
      async () => {
        const found = await checkTopics({ ...checks, topics, cluster, now: Date.now() });
        if (found.failures.length > 0) throw found.failures[0];
        return found;
      },
    );
    for (const { weight, sentence } of findings)
      if (weight === 'refuse') throw new TidemarkError('TOPIC_UNFIT', sentence);
    const onWarning = (finding: TopicFinding): void => {
      log.warn({ code: 'TOPIC_UNFIT', topic: finding.topic, kind: finding.kind }, finding.sentence);
      onFinding(finding);
    };
    const retention = { watch: new RetentionWatch(retentions), clock: { now: Date.now }, onWarning };
    const member = savedMember(config.db, group);
    return new ShrinkingSource(
      this.#options,
      limits => new KafkaSource(cluster, { ...this.#options, ...limits }, log, member, retention),
    );
  }

  name(): string | null {
    return this.#connection.state === 'connected' ? `Kafka at ${this.#options.brokers.join(', ')}` : null;
  }

  problem(): string | null {
    return this.#connection.state === 'connected' ? this.#connection.source.current.problem : this.#connection.problem;
  }

  topics(): readonly Pick<FollowedTopic, 'topic' | 'declared'>[] {
    return this.#options.topics.map(topic => ({ topic, declared: this.#options.partitions }));
  }

  assigned(): readonly AssignedPartition[] {
    return this.#connection.state === 'connected' ? this.#connection.source.current.assigned : [];
  }

  async look(): Promise<Omit<Look, 'at'>> {
    const { ends, topics } = await this.#source().look();
    return { ends, topics: new Map(Array.from(topics, ([name, { partitions }]) => [name, partitions])) };
  }

  async check(): Promise<Pick<TopicsFound, 'findings' | 'failures'>> {
    if (this.#connection.state !== 'connected') throw new TidemarkError('SOURCE_UNREACHABLE', this.#connection.problem);
    const { cluster } = this.#connection;
    return checkTopics({ ...topicChecksOf(this.#parts.config), cluster, now: Date.now() });
  }

  async commit(positions: readonly StoredPosition[]): Promise<void> {
    await this.#source().commit(positions);
  }

  read(stored: readonly StoredPosition[], signal: AbortSignal): AsyncIterable<RecordBatch> {
    return this.#source().read(stored, signal);
  }

  readAgain(partition: PartitionId, reading: SecondReading): void {
    this.#source().readAgain(partition, reading);
  }

  shrink(): boolean {
    return this.#connection.state === 'connected' && this.#connection.source.shrink() !== null;
  }

  async close(): Promise<void> {
    if (this.#connection.state === 'connected') await this.#connection.cluster.close();
  }

  #source(): KafkaSource {
    if (this.#connection.state === 'connected') return this.#connection.source.current;
    throw new TidemarkError('SOURCE_UNREACHABLE', this.#connection.problem);
  }
}

/** A folder that is not there yet, or that is away, is waited for as a broker is. */
function unlessMissing(error: unknown): never {
  if (!(error instanceof TidemarkError) || error.code !== 'SOURCE_MISSING') throw error;
  throw new TidemarkError('SOURCE_UNREACHABLE', error.message, { cause: error });
}

function liveFolder({ config, log }: LiveSourceParts, path: string): LiveSource {
  const { batch_records: batchRecords, batch_bytes: batchBytes, kafka_on_lost_records: onLostRecords } = config;
  const source = new ShrinkingSource(
    { batchRecords, batchBytes },
    limits => new FollowedLogSource({ path, ...limits, onLostRecords }, log),
  );
  const topic = basename(path);
  let assigned: readonly AssignedPartition[] = [];
  return {
    connect: async () => undefined,
    name: () => `the log ${topic}`,
    problem: () => source.current.problem,
    topics: () => [{ topic, declared: null }],
    assigned: () => assigned,
    async look() {
      const logs = await listLogs(path).catch(unlessMissing);
      const ends = logs.map(({ topic, partition, low, high }) => ({
        partition: { topic, partition },
        low,
        stable: high,
        high,
      }));
      assigned = ends.map(({ partition, low }) => ({ partition, at: low }));
      return { ends, topics: new Map([[topic, logs.length]]) };
    },
    check: async () => ({ findings: [], failures: [] }),
    commit: async () => undefined,
    read: (stored, signal) => source.current.read(stored, signal),
    readAgain: (partition, reading) => source.current.readAgain(partition, reading),
    shrink: () => source.shrink() !== null,
    close: async () => undefined,
  };
}
