import { setTimeout as pause } from 'node:timers/promises';
import type { Admin, Kafka } from 'kafkajs';
import { TidemarkError } from '../../../pipeline/errors.ts';
import type { Log, LogEnd } from '../../../pipeline/ports.ts';
import { Semaphore } from '../../../pipeline/requests/semaphore.ts';
import { within } from '../../../pipeline/waiting.ts';
import { createClient } from '../client/client.ts';
import { kafkaFailure } from '../client/failure.ts';
import { loadKafkaJs } from '../client/load-kafkajs.ts';
import { noId, type PartitionMetadata } from '../client/metadata-request.ts';
import type { KafkaOptions } from '../client/options.ts';
import { type ConnectionAttempts, retryUntilConnected } from '../client/retry-until-connected.ts';

const closePatienceMs = 1_000;
/** A broker may not have heard yet of a topic that was just made. */
const unknownPatienceMs = 2_000;
const unknownPauseMs = 250;

/** What the cluster says of itself and of our topics. Opened before anything is read. */
export class KafkaCluster {
  readonly kafka: Kafka;
  readonly clusterId: string;
  readonly #admin: Admin;
  readonly #options: KafkaOptions;
  /** Two looks at once take each other's metadata away. */
  readonly #turns = new Semaphore(1);

  private constructor(kafka: Kafka, admin: Admin, clusterId: string, options: KafkaOptions) {
    this.kafka = kafka;
    this.#admin = admin;
    this.clusterId = clusterId;
    this.#options = options;
  }

  /**
   * Connects, and goes on trying while no broker answers. Throws `SOURCE_REFUSED` when a broker answers with no,
   * `INTERRUPTED` when the signal aborts. `onProblem` is told why it is not reached yet.
   */
  static async open(
    options: KafkaOptions,
    log: Log,
    signal: AbortSignal,
    onProblem?: ConnectionAttempts['onProblem'],
  ): Promise<KafkaCluster> {
    const kafka = createClient(options, log);
    const attempts = { what: 'connect to Kafka', brokers: options.brokers, log, signal, onProblem };
    return retryUntilConnected(attempts, async () => {
      const admin = kafka.admin({ retry: { retries: 0 } });
      try {
        await admin.connect();
        const { clusterId } = await admin.describeCluster();
        signal.throwIfAborted();
        return new KafkaCluster(kafka, admin, clusterId, options);
      } catch (error) {
        await admin.disconnect().catch(() => undefined);
        throw error;
      }
    });
  }

  /** The partitions of our topics and the offsets `[low, high)` they hold. Throws `TOPIC_UNFIT` where one is missing. */
  async ends(): Promise<readonly LogEnd[]> {
    const found: LogEnd[] = [];
    for (const topic of this.#options.topics) {
      const partitions = await this.#ask(`look at topic ${topic}`, `DESCRIBE on topic ${topic}`, () =>
        this.#admin.fetchTopicOffsets(topic),
      );
      for (const { partition, low, high } of partitions.toSorted((a, b) => a.partition - b.partition))
        if (this.#options.partitions?.includes(partition) ?? true)
          found.push({ partition: { topic, partition }, low: Number(low), high: Number(high) });
      this.#checkPartitions(topic, partitions.length);
    }
    return found;
  }

  /** The ids of our topics, by name: a topic that was deleted and made again has another. Brokers before Kafka 2.8 have none. */
  async topicIds(): Promise<ReadonlyMap<string, string>> {
    const ids = new Map<string, string>();
    for (const topic of this.#options.topics) {
      const { topics } = await this.#ask(`look at topic ${topic}`, `DESCRIBE on topic ${topic}`, () =>
        this.#admin.fetchTopicMetadata({ topics: [topic] }),
      );
      const first: Partial<PartitionMetadata> = topics[0]?.partitions[0] ?? {};
      if (first.topicId !== undefined && first.topicId !== noId) ids.set(topic, first.topicId);
    }
    return ids;
  }

  /** Where the first record with a time of at least `time` lies, by partition; none: the end. */
  async offsetsAt(topic: string, time: number): Promise<ReadonlyMap<number, number>> {
    const found = await this.#ask(`look for a time in topic ${topic}`, `DESCRIBE on topic ${topic}`, () =>
      this.#admin.fetchTopicOffsetsByTimestamp(topic, time),
    );
    return new Map(found.map(({ partition, offset }) => [partition, Number(offset)]));
  }

  /** Settings of a topic, by name. Throws `TOPIC_UNFIT` when there is no such topic. */
  async topicSettings(topic: string): Promise<ReadonlyMap<string, string>> {
    const { ConfigResourceTypes } = loadKafkaJs();
    const { resources } = await this.#ask(
      `read the settings of topic ${topic}`,
      `DESCRIBE_CONFIGS on topic ${topic}`,
      () =>
        this.#admin.describeConfigs({
          includeSynonyms: false,
          resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
        }),
    );
    return new Map(resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]));
  }

  /** Requests that a broker does not answer are not waited for. */
  async close(): Promise<void> {
    await within(closePatienceMs, this.#admin.disconnect()).catch(() => undefined);
  }

  /** `right` is what a topic must allow for that. */
  async #ask<T>(what: string, right: string, ask: () => Promise<T>): Promise<T> {
    const { brokers } = this.#options;
    for (const deadline = performance.now() + unknownPatienceMs; ; ) {
      try {
        return await this.#turns.run(ask);
      } catch (cause) {
        if (!isUnknownTopic(cause)) throw kafkaFailure(cause, { what, brokers, rights: { topic: right } });
        if (performance.now() > deadline) {
          const problem = `could not ${what}: there is no such topic at ${brokers.join(', ')}`;
          const cure = 'create it, or correct the setting that names it';
          throw new TidemarkError('TOPIC_UNFIT', `${problem}; ${cure}`, { cause });
        }
      }
      await pause(unknownPauseMs);
    }
  }

  #checkPartitions(topic: string, count: number): void {
    const lacking = this.#options.partitions?.filter(partition => partition >= count) ?? [];
    if (lacking.length === 0) return;
    throw new TidemarkError(
      'TOPIC_UNFIT',
      `topic ${topic} has ${count} partitions and so no partition ${lacking.join(', ')} of kafka_partitions; allowed are 0 to ${count - 1}`,
    );
  }
}

function isUnknownTopic(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause)
    if ('type' in at && at.type === 'UNKNOWN_TOPIC_OR_PARTITION') return true;
  return false;
}
