import { setTimeout as pause } from 'node:timers/promises';
import type { Admin, Kafka } from 'kafkajs';
import { TidemarkError } from '../../../pipeline/errors.ts';
import type { Log, LogEnd } from '../../../pipeline/ports.ts';
import { Semaphore } from '../../../pipeline/requests/semaphore.ts';
import { within } from '../../../pipeline/waiting.ts';
import { createClient } from '../client/client.ts';
import { hasErrorType, kafkaFailure } from '../client/failure.ts';
import { loadKafkaJs } from '../client/load-kafkajs.ts';
import { noId, type PartitionMetadata } from '../client/metadata-request.ts';
import type { KafkaOptions } from '../client/options.ts';
import { type ConnectionAttempts, retryUntilConnected } from '../client/retry-until-connected.ts';

const closeTimeoutMs = 1_000;
/** How long to retry when a topic is unknown: a broker may learn of a new topic some time after it was created. */
const unknownTopicRetryMs = 2_000;
const unknownTopicPauseMs = 250;

/** A connection for requests about the cluster and the configured topics. It is opened before anything is read. */
export class KafkaCluster {
  readonly kafka: Kafka;
  readonly clusterId: string;
  readonly #admin: Admin;
  readonly #options: KafkaOptions;
  /** One request at a time: concurrent ones of kafkajs's admin client overwrite each other's metadata. */
  readonly #oneAtATime = new Semaphore(1);

  private constructor(kafka: Kafka, admin: Admin, clusterId: string, options: KafkaOptions) {
    this.kafka = kafka;
    this.#admin = admin;
    this.clusterId = clusterId;
    this.#options = options;
  }

  /**
   * Connects, and retries while no broker answers. Throws `SOURCE_REFUSED` when a broker refuses the connection and
   * `INTERRUPTED` when the signal aborts. `onProblem` is called with the reason of each failed attempt.
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

  /**
   * The configured partitions and the offsets `[low, high)` that they hold. Throws `TOPIC_UNFIT` when a topic or
   * partition is missing.
   */
  async ends(): Promise<readonly LogEnd[]> {
    const ends: LogEnd[] = [];
    for (const topic of this.#options.topics) {
      const partitions = await this.#request(`look at topic ${topic}`, `DESCRIBE on topic ${topic}`, () =>
        this.#admin.fetchTopicOffsets(topic),
      );
      for (const { partition, low, high } of partitions.toSorted((a, b) => a.partition - b.partition))
        if (this.#options.partitions?.includes(partition) ?? true)
          ends.push({ partition: { topic, partition }, low: Number(low), high: Number(high) });
      this.#checkPartitions(topic, partitions.length);
    }
    return ends;
  }

  /**
   * The topic ids by topic name. A topic that was deleted and created again has another id. Brokers before Kafka 2.8
   * have no ids.
   */
  async topicIds(): Promise<ReadonlyMap<string, string>> {
    const ids = new Map<string, string>();
    for (const topic of this.#options.topics) {
      const { topics } = await this.#request(`look at topic ${topic}`, `DESCRIBE on topic ${topic}`, () =>
        this.#admin.fetchTopicMetadata({ topics: [topic] }),
      );
      const first: Partial<PartitionMetadata> = topics[0]?.partitions[0] ?? {};
      if (first.topicId !== undefined && first.topicId !== noId) ids.set(topic, first.topicId);
    }
    return ids;
  }

  /**
   * Returns, for each partition, the offset of the first record whose timestamp is at least `time` (in milliseconds since
   * 1970 UTC), or the end of the log when there is none.
   */
  async offsetsAt(topic: string, time: number): Promise<ReadonlyMap<number, number>> {
    const offsets = await this.#request(`find offsets by time in topic ${topic}`, `DESCRIBE on topic ${topic}`, () =>
      this.#admin.fetchTopicOffsetsByTimestamp(topic, time),
    );
    return new Map(offsets.map(({ partition, offset }) => [partition, Number(offset)]));
  }

  /** The settings of a topic by name, such as `retention.ms`. Throws `TOPIC_UNFIT` when the topic does not exist. */
  async topicSettings(topic: string): Promise<ReadonlyMap<string, string>> {
    const { ConfigResourceTypes } = loadKafkaJs();
    const { resources } = await this.#request(
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

  /** Disconnects. It does not wait for requests that a broker leaves unanswered. */
  async close(): Promise<void> {
    await within(closeTimeoutMs, this.#admin.disconnect()).catch(() => undefined);
  }

  /** Sends a request. `what` completes "could not …"; `right` is the right on the topic that the request needs. */
  async #request<T>(what: string, right: string, send: () => Promise<T>): Promise<T> {
    const { brokers } = this.#options;
    for (const deadline = performance.now() + unknownTopicRetryMs; ; ) {
      try {
        return await this.#oneAtATime.run(send);
      } catch (cause) {
        if (!hasErrorType(cause, 'UNKNOWN_TOPIC_OR_PARTITION'))
          throw kafkaFailure(cause, { what, brokers, rights: { topic: right } });
        if (performance.now() > deadline) {
          const problem = `could not ${what}: there is no such topic at ${brokers.join(', ')}`;
          const cure = 'create it, or correct the setting that names it';
          throw new TidemarkError('TOPIC_UNFIT', `${problem}; ${cure}`, { cause });
        }
      }
      await pause(unknownTopicPauseMs);
    }
  }

  #checkPartitions(topic: string, count: number): void {
    const missing = this.#options.partitions?.filter(partition => partition >= count) ?? [];
    if (missing.length === 0) return;
    throw new TidemarkError(
      'TOPIC_UNFIT',
      `kafka_partitions names partition ${missing.join(', ')}, but topic ${topic} has ${count} partitions; allowed are 0 to ${count - 1}`,
    );
  }
}
