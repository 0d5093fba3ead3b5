import type { KafkaOptions } from '../../connectors/kafka/client/options.ts';
import { kafkaLogAgain } from '../../connectors/kafka/kafka-log-again.ts';
import { KafkaCluster } from '../../connectors/kafka/topics/cluster.ts';
import type { ReplayTarget } from '../../pipeline/completeness/sources.ts';
import { codeOf, TidemarkError } from '../../pipeline/errors.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { Log } from '../../pipeline/ports.ts';
import type { LogAgain } from '../../pipeline/replay/read-target.ts';
import { kafkaOptionsOf, noTopics } from '../kafka-options.ts';
import type { Config } from '../settings/settings.ts';
import { type FoundTime, type LogLook, type LogPart, type ReplayLog, withoutTime } from './replay-log.ts';

/** How many records from a time on are looked at, to see whether record times run backwards there. */
const lookedAt = 1_000;

interface KafkaReplay {
  /** Names the replay's group, `<kafka_group>-replay-<id>`. */
  readonly id: string;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Topics of the Kafka cluster that the settings name. The live group is not touched: records are read as the only member of
 * a group of the replay's own, which commits nothing.
 */
export class KafkaReplayLog implements ReplayLog {
  readonly together: LogAgain['together'];
  readonly open: LogAgain['open'];
  readonly #options: KafkaOptions;
  readonly #replay: KafkaReplay;
  /** Whether each topic that was looked at is compacted: asked once, as looks are repeated while a transaction is open. */
  readonly #compacted = new Map<string, boolean>();
  /** The connections by their topics. */
  readonly #clusters = new Map<string, KafkaCluster>();

  /** Throws `CONFIG_INVALID` as `kafkaOptionsOf` does. */
  constructor(config: Config, replay: KafkaReplay) {
    const options = kafkaOptionsOf(config, false);
    this.#options = { ...options, group: `${options.group}-replay-${replay.id}` };
    this.#replay = replay;
    const again = kafkaLogAgain(this.#options, replay.log);
    this.together = again.together;
    this.open = again.open;
  }

  async look(topics: readonly string[] | null): Promise<LogLook> {
    const cluster = await this.#clusterOf(topics);
    const at = Date.now();
    const { ends, topics: found } = await cluster.look();
    for (const topic of found.keys())
      if (!this.#compacted.has(topic)) this.#compacted.set(topic, await isCompacted(cluster, topic));
    const parts = ends.map(({ partition, low, stable, high }): LogPart => {
      const { topic } = partition;
      const topicId = found.get(topic)?.id ?? null;
      const known = {
        shown: partitionName(partition),
        bytes: null,
        topicId,
        isCompacted: this.#compacted.get(topic) === true,
      };
      return { ...known, partition, kind: 'live', ends: { low, stable, high } };
    });
    const { partitions } = this.#options;
    const declared = Array.from(
      topics === null && partitions !== null ? found : [],
      ([topic, { partitions: count }]) => {
        return { topic, declared: partitions, partitions: count, listedAt: at, end: null };
      },
    );
    return { at, declared, parts };
  }

  async findTimes(parts: readonly LogPart[], time: number): Promise<ReadonlyMap<string, FoundTime>> {
    const cluster = await this.#clusterOf(null);
    const offsets = new Map<string, number>();
    for (const topic of new Set(parts.map(({ partition }) => partition.topic)))
      for (const [partition, offset] of await cluster.offsetsAt(topic, time))
        offsets.set(partitionName({ topic, partition }), offset);
    const found = new Map<string, number>();
    for (const { partition, ends } of parts) {
      const name = partitionName(partition);
      const offset = offsets.get(name) ?? null;
      // Without such a record Kafka answers with the end of the log.
      if (offset !== null && offset < (ends?.high ?? 0)) found.set(name, offset);
    }
    const back = await this.#backwards(parts, found, time);
    return new Map(
      parts.map(({ partition }) => {
        const name = partitionName(partition);
        return [name, { offset: found.get(name) ?? null, backMs: back.get(name) ?? 0, latest: time }];
      }),
    );
  }

  async close(): Promise<void> {
    for (const cluster of this.#clusters.values()) await cluster.close();
  }

  async #clusterOf(topics: readonly string[] | null): Promise<KafkaCluster> {
    const { log, signal } = this.#replay;
    if (topics === null && this.#options.topics.length === 0) throw new TidemarkError('CONFIG_INVALID', noTopics);
    const options = topics === null ? this.#options : { ...this.#options, topics, partitions: null };
    const key = JSON.stringify(options.topics);
    const known = this.#clusters.get(key);
    if (known !== undefined) return known;
    const cluster = await KafkaCluster.open(options, log, signal);
    this.#clusters.set(key, cluster);
    return cluster;
  }

  /** By how much the records after the found ones are earlier than the time, by partition. */
  async #backwards(parts: readonly LogPart[], found: ReadonlyMap<string, number>, time: number) {
    const targets = parts.flatMap(({ partition, ends }): ReplayTarget[] => {
      const from = found.get(partitionName(partition));
      if (from === undefined || ends === null || from >= ends.stable) return [];
      return [{ partition, kind: 'live', from, until: Math.min(from + lookedAt, ends.stable), mayHaveGaps: true }];
    });
    const back = new Map<string, number>();
    for (const together of targets.length === 0 ? [] : this.together(targets))
      for await (const open of this.open(together))
        for await (const { partition, records } of open(this.#options).read([], this.#replay.signal))
          for (const { offset, timestamp } of records) {
            if (timestamp === null) throw withoutTime(partition, offset);
            const name = partitionName(partition);
            back.set(name, Math.max(back.get(name) ?? 0, time - timestamp));
          }
    return back;
  }
}

/** Without the right to read the topic's settings it counts as not compacted. */
async function isCompacted(cluster: KafkaCluster, topic: string): Promise<boolean> {
  try {
    const settings = await cluster.topicSettings(topic);
    return settings.get('cleanup.policy')?.split(',').includes('compact') === true;
  } catch (error) {
    if (codeOf(error) === 'SOURCE_REFUSED') return false;
    throw error;
  }
}
