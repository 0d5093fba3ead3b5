import type { Consumer, ConsumerGroupJoinEvent, EachBatchPayload, PartitionAssigner } from 'kafkajs';
import { isTemporary, TidemarkError } from '../../../pipeline/errors.ts';
import { partitionName } from '../../../pipeline/partition.ts';
import type { Log, PartitionId, StoredPosition } from '../../../pipeline/ports.ts';
import { Backoff, orAborted, pause, within } from '../../../pipeline/waiting.ts';
import { kafkaFailure } from '../client/failure.ts';
import type { MemberOptions } from '../client/kafkajs-patches.ts';
import type { TopicIds } from '../client/kafkajs-requests.ts';
import type { KafkaOptions } from '../client/options.ts';
import type { KafkaCluster } from '../topics/cluster.ts';
import { fixedAssigner, subscribedAssigner } from './assigners.ts';

const maxFetchWaitMs = 250;
/** Limits in compressed bytes. Unpacked and decoded, a fetch takes many times as much memory until it is folded. */
const maxBytesPerPartition = 704 << 10;
const maxBytesPerFetch = 2112 << 10;
/** Short, so that a partition added to a topic is found soon. */
const metadataMaxAgeMs = 5_000;
/** kafkajs's retries of one request. After them its consumer fails and is replaced by a new one. */
const retry = { initialRetryTime: 200, maxRetryTime: 2_000, retries: 5 };
const firstPauseMs = 250;
const longestPauseMs = 5_000;
/** Limited, because leaving the group may hang when a broker is gone. */
const leaveTimeoutMs = 5_000;

/** The id of this process's group member, saved beside the database so that the next process can continue as that member. */
export interface SavedMember {
  /** The id that the previous process saved; null when it left the group, or saved none. */
  readonly formerId: string | null;
  /** Never rejects, and nothing waits for it: a disk may hang. */
  save(memberId: string): Promise<void>;
  /** Called once the member has left the group. Never rejects. */
  forget(): Promise<void>;
}

/** Where to read, and what to do with the fetched batches. */
interface BatchReader {
  /** The topic ids to fetch by. */
  readonly topicIds: TopicIds;
  /** The offset to read a partition from; null for one that is not to be read. Called when partitions are assigned; must be synchronous. */
  startOf(partition: PartitionId): number | null;
  /** Called with each fetched batch; the next one of the partition is fetched after it resolves. */
  take(payload: EachBatchPayload): Promise<void>;
}

/**
 * One member of the consumer group. When its kafkajs consumer fails, it makes a new one, which continues as the same
 * member.
 */
export class GroupConsumer {
  readonly #cluster: KafkaCluster;
  readonly #options: KafkaOptions;
  readonly #savedMember: SavedMember;
  readonly #log: Log;
  #consumer: Consumer | null = null;
  /** The consumer that joined last. An older one that waits for a broker may still end, and its events are ignored. */
  #joined: Consumer | null = null;
  /** The member id received last. A new consumer joins with it, because the group may still wait for that member. */
  #memberId: string | null;
  /** False once the group has confirmed that this member left. */
  #isMember: boolean;
  #assigned: readonly PartitionId[] = [];
  #problem: string | null = 'the consumer group is not joined yet';

  constructor(cluster: KafkaCluster, options: KafkaOptions, savedMember: SavedMember, log: Log) {
    this.#cluster = cluster;
    this.#options = options;
    this.#savedMember = savedMember;
    this.#memberId = savedMember.formerId;
    this.#isMember = savedMember.formerId !== null;
    this.#log = log;
  }

  /** The partitions that the group assigns to this process now. */
  get assigned(): readonly PartitionId[] {
    return this.#assigned;
  }

  /** Why nothing is read at the moment; null while this process is a member of the group. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Reads until the signal aborts, with a new consumer after each temporary failure. Throws any other failure. */
  async run(reader: BatchReader, signal: AbortSignal): Promise<void> {
    const { group, brokers, topics } = this.#options;
    const rights = { topic: { right: 'READ', topics }, group: `READ on group ${group}` };
    const backoff = new Backoff(firstPauseMs, longestPauseMs);
    while (!signal.aborted) {
      const consumer = this.#create(reader.topicIds);
      this.#consumer = consumer;
      const error = await orAborted(signal, this.#untilFailure(consumer, reader, signal));
      if (signal.aborted) return;
      const failure = kafkaFailure(error, { what: `read as a member of group ${group}`, brokers, rights });
      if (!isTemporary(failure)) throw failure;
      // The consumer had joined, so this failure is a new one and the pauses start again.
      if (this.#problem === null) backoff.reset();
      const pauseMs = backoff.next();
      this.#assigned = [];
      this.#problem = failure.message;
      this.#log.warn({ code: failure.code, retry_in_ms: pauseMs }, failure.message);
      await within(leaveTimeoutMs, consumer.disconnect()).catch(() => undefined);
      await pause(pauseMs, signal);
    }
  }

  /** Continues a partition at another offset. */
  seek(partition: PartitionId, offset: number): void {
    this.#consumer?.seek({ ...partition, offset: String(offset) });
  }

  /** Stops fetching a partition; another consumer, made after a failure, fetches it again. */
  pause({ topic, partition }: PartitionId): void {
    this.#consumer?.pause([{ topic, partitions: [partition] }]);
  }

  resume({ topic, partition }: PartitionId): void {
    this.#consumer?.resume([{ topic, partitions: [partition] }]);
  }

  /** Commits the stored offsets of the assigned partitions to the group. */
  async commit(positions: readonly StoredPosition[]): Promise<void> {
    const assigned = new Set(this.#assigned.map(partitionName));
    const offsets = positions
      .filter(({ partition }) => assigned.has(partitionName(partition)))
      .map(({ partition, nextOffset }) => ({ ...partition, offset: String(nextOffset) }));
    if (offsets.length > 0 && this.#problem === null) await this.#consumer?.commitOffsets(offsets);
  }

  /** Leaves the group, so that other members need not wait until this member's session times out. */
  async leave(): Promise<void> {
    const consumer = this.#consumer;
    this.#consumer = null;
    if (consumer === null) return;
    await within(leaveTimeoutMs, consumer.disconnect()).catch(() => undefined);
    if (!this.#isMember) await within(leaveTimeoutMs, this.#savedMember.forget());
    else {
      const sentence = 'the consumer group could not be left; it keeps this member until the session times out';
      this.#log.warn({ code: 'SOURCE_UNREACHABLE' }, sentence);
    }
  }

  /** Starts the consumer and resolves with the error that ends it. */
  #untilFailure(consumer: Consumer, reader: BatchReader, signal: AbortSignal): Promise<unknown> {
    const { GROUP_JOIN, CRASH, REQUEST_TIMEOUT } = consumer.events;
    consumer.on(GROUP_JOIN, event => {
      if (this.#consumer !== null && this.#consumer !== consumer) return;
      this.#joined = consumer;
      this.#assign(reader, event);
    });
    return new Promise(resolve => {
      consumer.on(CRASH, ({ payload: { error } }) => resolve(error));
      // When a broker hangs, kafkajs repeats the request for minutes instead of asking another broker. While it joins the
      // group, kafkajs gives up without this.
      consumer.on(REQUEST_TIMEOUT, ({ payload: { apiName, broker } }) => {
        if (this.#problem === null) resolve(unanswered(apiName, broker));
      });
      this.#start(consumer, reader, signal).catch(resolve);
    });
  }

  /** Checks the signal between the steps, because kafkajs lets even a disconnected consumer join the group. */
  async #start(consumer: Consumer, reader: BatchReader, signal: AbortSignal): Promise<void> {
    await consumer.connect();
    if (signal.aborted) return;
    await consumer.subscribe({ topics: [...this.#options.topics], fromBeginning: true });
    if (signal.aborted) return;
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: payload => reader.take(payload) });
  }

  #create(topicIds: TopicIds): Consumer {
    const { group, sessionTimeoutMs, partitions, fetchMinBytes } = this.#options;
    const onUnclaimed = (topic: string, numbers: readonly number[]): void => {
      const sentence = 'no member of the group has these partitions in its kafka_partitions, so nobody reads them';
      this.#log.warn({ code: 'CONFIG_INVALID', topic, partitions: numbers }, sentence);
    };
    const assigner = partitions === null ? subscribedAssigner : fixedAssigner(partitions, onUnclaimed);
    const onLeft = (): void => {
      if (this.#joined === null || this.#joined === consumer) this.#isMember = false;
    };
    const memberOptions: MemberOptions = { formerMemberId: this.#memberId, topicIds, onLeft };
    const assignerWithOptions: PartitionAssigner = config => ({ ...assigner(config), ...memberOptions });
    const consumer = this.#cluster.kafka.consumer({
      groupId: group,
      partitionAssigners: [assignerWithOptions],
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: Math.min(3_000, sessionTimeoutMs / 3),
      minBytes: fetchMinBytes,
      maxWaitTimeInMs: maxFetchWaitMs,
      maxBytesPerPartition,
      maxBytes: maxBytesPerFetch,
      metadataMaxAge: metadataMaxAgeMs,
      // A deleted topic must not be created again by reading from it.
      allowAutoTopicCreation: false,
      // `run` restarts the consumer. kafkajs does so for some errors only; after others it stays connected and reads
      // nothing.
      retry: { ...retry, restartOnFailure: async () => false },
    });
    return consumer;
  }

  /** Must be synchronous: after one await here, kafkajs would already fetch from another offset. */
  #assign(reader: BatchReader, { payload: { memberAssignment, memberId } }: ConsumerGroupJoinEvent): void {
    this.#assigned = Object.entries(memberAssignment).flatMap(([topic, partitions]) =>
      partitions.map(partition => ({ topic, partition })),
    );
    for (const partition of this.#assigned) {
      const start = reader.startOf(partition);
      if (start === null) this.pause(partition);
      else this.seek(partition, start);
    }
    this.#problem = null;
    this.#memberId = memberId;
    this.#isMember = true;
    void this.#savedMember.save(memberId);
    this.#log.info({ member: memberId, partitions: this.#assigned.map(partitionName) }, 'partitions were assigned');
  }
}

function unanswered(request: string, broker: string): TidemarkError {
  return new TidemarkError(
    'SOURCE_UNREACHABLE',
    `broker ${broker} does not answer a ${request} request; a new consumer will use another broker`,
  );
}
