import { setTimeout as pause } from 'node:timers/promises';
import type { Kafka } from 'kafkajs';
import { isTemporary, TidemarkError } from '../../../pipeline/errors.ts';
import type { Log } from '../../../pipeline/ports.ts';
import { Semaphore } from '../../../pipeline/requests/semaphore.ts';
import { within } from '../../../pipeline/waiting.ts';
import { createClient } from '../client/client.ts';
import { hasErrorType, kafkaFailure, topicOf } from '../client/failure.ts';
import type { OpenAdmin } from '../client/kafkajs-patches.ts';
import { loadKafkaJs } from '../client/load-kafkajs.ts';
import type { TopicMetadata } from '../client/metadata-request.ts';
import type { KafkaOptions } from '../client/options.ts';
import { type ConnectionAttempts, retryUntilConnected } from '../client/retry-until-connected.ts';
import { type ClusterLook, lookAt } from './cluster-look.ts';

const closeTimeoutMs = 1_000;
/**
 * How long to retry when a topic is unknown, and when a broker is not the leader that another one named: a broker may learn
 * of a change some time after it happened.
 */
const staleAnswerRetryMs = 2_000;
const staleAnswerPauseMs = 250;

/** The bit of WRITE among the operations of a topic (`AclOperation` of Kafka), and what stands for "not told". */
const writeOperation = 1 << 4;
const noOperations = -2_147_483_648;

/** How many groups one check asks. */
const groupsAtOnce = 50;

/** A request about topics. A failure names the topic if the error does, or if there is only one. */
interface TopicRequest {
  /** Completes "could not … topic calls". */
  readonly what: string;
  /** The right on each topic that the request needs. */
  readonly right: string;
  readonly topics: readonly string[];
}

/** A connection for requests about the cluster and the configured topics. It is opened before anything is read. */
export class KafkaCluster {
  readonly kafka: Kafka;
  readonly clusterId: string;
  readonly #admin: OpenAdmin;
  readonly #options: KafkaOptions;
  /** Whether groups have read the control topic, those asked longest ago first. */
  #groupsReading: ReadonlyMap<string, boolean> = new Map();
  /** One request at a time: concurrent ones of kafkajs's admin client overwrite each other's metadata. */
  readonly #oneAtATime = new Semaphore(1);

  private constructor(kafka: Kafka, admin: OpenAdmin, clusterId: string, options: KafkaOptions) {
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
      const admin = kafka.admin({ retry: { retries: 0 } }) as OpenAdmin;
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
   * Asks for the configured topics and for the ends of their partitions: one metadata request, never answered from memory,
   * so that a new partition is seen; then three ListOffsets requests to each leader. Throws `TOPIC_UNFIT` when a topic or a
   * partition of `kafka_partitions` is missing, `SOURCE_REFUSED` without the right DESCRIBE, `SOURCE_UNREACHABLE` when one
   * of the leaders does not answer; so no partition is ever left out.
   */
  async look(): Promise<ClusterLook> {
    for (const deadline = performance.now() + staleAnswerRetryMs; ; await pause(staleAnswerPauseMs)) {
      const described = await this.#describe(this.#lookRequest);
      for (const { topic, partitionMetadata } of described) this.#checkPartitions(topic, partitionMetadata.length);
      try {
        const { partitions } = this.#options;
        return await this.#oneAtATime.run(() => lookAt(described, partitions, this.#admin.brokers));
      } catch (cause) {
        const failure = this.#failure(cause, this.#lookRequest);
        if (!isTemporary(failure) || performance.now() > deadline) throw failure;
      }
    }
  }

  /**
   * Returns, for each partition, the offset of the first record whose timestamp is at least `time` (in milliseconds since
   * 1970 UTC), or the end of the log when there is none.
   */
  async offsetsAt(topic: string, time: number): Promise<ReadonlyMap<number, number>> {
    const request = { what: 'find offsets by time in', right: 'DESCRIBE', topics: [topic] };
    const offsets = await this.#request(request, () => this.#admin.fetchTopicOffsetsByTimestamp(topic, time));
    return new Map(offsets.map(({ partition, offset }) => [partition, Number(offset)]));
  }

  /** The settings of a topic by name, such as `retention.ms`. Throws `TOPIC_UNFIT` when the topic does not exist. */
  async topicSettings(topic: string): Promise<ReadonlyMap<string, string>> {
    const { ConfigResourceTypes } = loadKafkaJs();
    const request = { what: 'read the settings of', right: 'DESCRIBE_CONFIGS', topics: [topic] };
    const { resources } = await this.#request(request, () =>
      this.#admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
      }),
    );
    return new Map(resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]));
  }

  /** Whether this client may write to a topic; null where the brokers do not tell (before Kafka 2.8). */
  async mayWrite(topic: string): Promise<boolean | null> {
    const request = { what: 'look at', right: 'DESCRIBE', topics: [topic] };
    const [described] = await this.#describe(request);
    const operations = described?.operations ?? noOperations;
    return operations === noOperations ? null : (operations & writeOperation) !== 0;
  }

  /**
   * The groups, as far as this client may see them, that have committed an offset of a topic. Each call asks a few groups
   * only, new ones and those asked longest ago first, because a cluster may have thousands, and looks wait meanwhile.
   */
  async groupsReading(topic: string): Promise<readonly string[]> {
    const request = { what: 'list the groups that read', right: 'DESCRIBE', topics: [topic] };
    const { groups } = await this.#request(request, () => this.#admin.listGroups());
    const listed = new Set(groups.map(({ groupId }) => groupId));
    const known = new Map([...this.#groupsReading].filter(([group]) => listed.has(group)));
    const unknown = [...listed].filter(group => !known.has(group));
    for (const groupId of [...unknown, ...known.keys()].slice(0, groupsAtOnce)) {
      // A group that this client may list but not look at stays unknown.
      const offsets = await this.#request(request, () => this.#admin.fetchOffsets({ groupId, topics: [topic] })).catch(
        unlessTemporary,
      );
      known.delete(groupId);
      known.set(
        groupId,
        offsets?.some(({ partitions }) => partitions.some(({ offset }) => Number(offset) >= 0)) === true,
      );
    }
    this.#groupsReading = known;
    return [...known].flatMap(([group, reads]) => (reads ? [group] : [])).toSorted();
  }

  /** Disconnects. It does not wait for requests that a broker leaves unanswered. */
  async close(): Promise<void> {
    await within(closeTimeoutMs, this.#admin.disconnect()).catch(() => undefined);
  }

  get #lookRequest(): TopicRequest {
    return { what: 'look at', right: 'DESCRIBE', topics: this.#options.topics };
  }

  /** The topics of a request, each once and in their order. */
  async #describe(request: TopicRequest): Promise<readonly TopicMetadata[]> {
    const { brokers } = this.#admin;
    const names = [...new Set(request.topics)];
    const found = await this.#request(request, async () => {
      await brokers.refreshMetadata(names);
      return brokers.metadata?.topicMetadata ?? [];
    });
    return names.map(name => {
      const described = found.find(({ topic }) => topic === name);
      if (described !== undefined) return described;
      throw new TidemarkError('SOURCE_UNREACHABLE', `the broker's answer leaves out topic ${name}`);
    });
  }

  /** Sends a request, and again for a short while when a topic is unknown. */
  async #request<T>(request: TopicRequest, send: () => Promise<T>): Promise<T> {
    for (const deadline = performance.now() + staleAnswerRetryMs; ; await pause(staleAnswerPauseMs)) {
      try {
        return await this.#oneAtATime.run(send);
      } catch (cause) {
        if (!hasErrorType(cause, 'UNKNOWN_TOPIC_OR_PARTITION')) throw this.#failure(cause, request);
        if (performance.now() > deadline) {
          const problem = `could not ${phrase(request, cause)}: there is no such topic at ${this.#options.brokers.join(', ')}`;
          const cure = 'create it, or correct the setting that names it';
          throw new TidemarkError('TOPIC_UNFIT', `${problem}; ${cure}`, { cause });
        }
      }
    }
  }

  #failure(cause: unknown, request: TopicRequest): unknown {
    const { brokers } = this.#options;
    return kafkaFailure(cause, { what: phrase(request, cause), brokers, rights: { topic: request } });
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

function unlessTemporary(error: unknown): undefined {
  if (isTemporary(error)) throw error;
}

function phrase({ what, topics }: TopicRequest, cause: unknown): string {
  const topic = topicOf(cause) ?? (topics.length === 1 ? topics[0] : null);
  return `${what} ${topic === null ? 'the topics' : `topic ${topic}`}`;
}
