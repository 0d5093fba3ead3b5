import type { Consumer, ConsumerGroupJoinEvent, EachBatchPayload, PartitionAssigner } from 'kafkajs';
import { isPassing, TidemarkError } from '../../../pipeline/errors.ts';
import { partitionName } from '../../../pipeline/partition.ts';
import type { Log, PartitionId, StoredPosition } from '../../../pipeline/ports.ts';
import { Backoff, orAborted, pause, within } from '../../../pipeline/waiting.ts';
import { kafkaFailure } from '../client/failure.ts';
import type { MemberOptions } from '../client/kafkajs-patches.ts';
import type { TopicIds } from '../client/kafkajs-requests.ts';
import type { KafkaOptions } from '../client/options.ts';
import type { KafkaCluster } from '../topics/cluster.ts';
import { fixedAssigner } from './fixed-assigner.ts';
import { subscribedAssigner } from './subscribed-assigner.ts';

const maxWaitMs = 250;
/** Packed bytes: unpacked, and as records, they are many times as much, held until they are folded. */
const bytesPerPartition = 704 << 10;
const bytesPerFetch = 2112 << 10;
/** So that a partition added to a topic is found soon. */
const metadataMaxAgeMs = 5_000;
/** Attempts of one step before kafkajs gives up and its consumer is made anew. */
const retry = { initialRetryTime: 200, maxRetryTime: 2_000, retries: 5 };
const firstPauseMs = 250;
const longestPauseMs = 5_000;
/** Leaving the group in order may hang on a broker that is gone. */
const leavePatienceMs = 5_000;

/** Which member of the group we are, kept beside the database for the process after us. */
export interface Membership {
  /** The member that the process before us was; null when it left the group, or there was none. */
  readonly former: string | null;
  joined(member: string): void;
  left(): void;
}

export interface ConsumerUser {
  /** The topics that are meant. */
  readonly topicIds: TopicIds;
  /** Where to read a partition from. Asked when partitions are assigned; must not wait. */
  startOf(partition: PartitionId): number;
  take(payload: EachBatchPayload): Promise<void>;
}

/** One member of the consumer group for as long as we read, through every consumer of kafkajs that breaks on the way. */
export class GroupConsumer {
  readonly #cluster: KafkaCluster;
  readonly #options: KafkaOptions;
  readonly #membership: Membership;
  readonly #log: Log;
  #consumer: Consumer | null = null;
  /** The one that joined last: one before it, left behind by a broker that hangs, may still come to an end of its own. */
  #joined: Consumer | null = null;
  /** Who we were in the group at last: a group that lost its broker still waits for that member. */
  #member: string | null;
  /** Whether the group may still wait for us. */
  #isMember: boolean;
  #assigned: readonly PartitionId[] = [];
  #problem: string | null = 'no group is joined yet';

  constructor(cluster: KafkaCluster, options: KafkaOptions, membership: Membership, log: Log) {
    this.#cluster = cluster;
    this.#options = options;
    this.#membership = membership;
    this.#member = membership.former;
    this.#isMember = membership.former !== null;
    this.#log = log;
  }

  /** The partitions that are ours now. */
  get assigned(): readonly PartitionId[] {
    return this.#assigned;
  }

  /** Why nothing is read at the moment; null when we are a member of the group. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Reads until the signal aborts, and begins again whatever breaks. Throws what no new start mends. */
  async run(user: ConsumerUser, signal: AbortSignal): Promise<void> {
    const { group, brokers, topics } = this.#options;
    const rights = { topic: `READ on a topic of ${topics.join(', ')}`, group: `READ on group ${group}` };
    const backoff = new Backoff(firstPauseMs, longestPauseMs);
    while (!signal.aborted) {
      const consumer = this.#create(user.topicIds);
      this.#consumer = consumer;
      const error = await orAborted(signal, this.#broken(consumer, user, signal));
      if (signal.aborted) return;
      const failure = kafkaFailure(error, { what: `read as a member of group ${group}`, brokers, rights });
      if (!isPassing(failure)) throw failure;
      // After a time of reading the next trouble is another one.
      if (this.#problem === null) backoff.reset();
      const pauseMs = backoff.next();
      this.#assigned = [];
      this.#problem = failure.message;
      this.#log.warn({ code: failure.code, retry_in_ms: pauseMs }, failure.message);
      await within(leavePatienceMs, consumer.disconnect()).catch(() => undefined);
      await pause(pauseMs, signal);
    }
  }

  /** Fetches a partition from elsewhere. */
  seek(partition: PartitionId, offset: number): void {
    this.#consumer?.seek({ ...partition, offset: String(offset) });
  }

  /** Tells the group what is stored of our partitions. */
  async commit(positions: readonly StoredPosition[]): Promise<void> {
    const ours = new Set(this.#assigned.map(partitionName));
    const offsets = positions
      .filter(({ partition }) => ours.has(partitionName(partition)))
      .map(({ partition, nextOffset }) => ({ ...partition, offset: String(nextOffset) }));
    if (offsets.length > 0 && this.#problem === null) await this.#consumer?.commitOffsets(offsets);
  }

  /** Leaves the group, so that others need not wait until our session is over. */
  async leave(): Promise<void> {
    const consumer = this.#consumer;
    this.#consumer = null;
    if (consumer === null) return;
    await within(leavePatienceMs, consumer.disconnect()).catch(() => undefined);
    if (!this.#isMember) this.#membership.left();
    else this.#log.warn({}, 'the group could not be left; it waits for us until our session is over');
  }

  /** Lets the consumer read, and resolves with what broke it. */
  #broken(consumer: Consumer, user: ConsumerUser, signal: AbortSignal): Promise<unknown> {
    const { GROUP_JOIN, CRASH, REQUEST_TIMEOUT } = consumer.events;
    consumer.on(GROUP_JOIN, event => {
      if (this.#consumer !== null && this.#consumer !== consumer) return;
      this.#joined = consumer;
      this.#assign(user, event);
    });
    return new Promise(resolve => {
      consumer.on(CRASH, ({ payload: { error } }) => resolve(error));
      // kafkajs asks a broker that hangs again and again, for minutes, and learns of no other meanwhile. Before the group
      // is joined it gives up by itself.
      consumer.on(REQUEST_TIMEOUT, ({ payload: { apiName, broker } }) => {
        if (this.#problem === null) resolve(unanswered(apiName, broker));
      });
      this.#start(consumer, user, signal).catch(resolve);
    });
  }

  /** Ends between its steps when the signal aborts: a consumer that was disconnected would join the group all the same. */
  async #start(consumer: Consumer, user: ConsumerUser, signal: AbortSignal): Promise<void> {
    await consumer.connect();
    if (signal.aborted) return;
    await consumer.subscribe({ topics: [...this.#options.topics], fromBeginning: true });
    if (signal.aborted) return;
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: payload => user.take(payload) });
  }

  #create(topicIds: TopicIds): Consumer {
    const { group, sessionTimeoutMs, partitions, fetchMinBytes } = this.#options;
    const assigner = partitions === null ? subscribedAssigner : fixedAssigner(partitions);
    const onLeft = (): void => {
      if (this.#joined === null || this.#joined === consumer) this.#isMember = false;
    };
    const carried: MemberOptions = { formerMemberId: this.#member, topicIds, onLeft };
    const remembering: PartitionAssigner = config => ({ ...assigner(config), ...carried });
    const consumer = this.#cluster.kafka.consumer({
      groupId: group,
      partitionAssigners: [remembering],
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: Math.min(3_000, sessionTimeoutMs / 3),
      minBytes: fetchMinBytes,
      maxWaitTimeInMs: maxWaitMs,
      maxBytesPerPartition: bytesPerPartition,
      maxBytes: bytesPerFetch,
      metadataMaxAge: metadataMaxAgeMs,
      // A topic that was deleted must not come to life again because we ask for it.
      allowAutoTopicCreation: false,
      // Beginning again is ours: kafkajs does it for some errors only, and lives on deaf after the others.
      retry: { ...retry, restartOnFailure: async () => false },
    });
    return consumer;
  }

  /** Synchronous to its end: after one pause here the client would already have fetched from elsewhere. */
  #assign(user: ConsumerUser, { payload: { memberAssignment, memberId } }: ConsumerGroupJoinEvent): void {
    this.#assigned = Object.entries(memberAssignment).flatMap(([topic, partitions]) =>
      partitions.map(partition => ({ topic, partition })),
    );
    for (const partition of this.#assigned) this.seek(partition, user.startOf(partition));
    this.#problem = null;
    this.#member = memberId;
    this.#isMember = true;
    this.#membership.joined(memberId);
    this.#log.info({ member: memberId, partitions: this.#assigned.map(partitionName) }, 'partitions were assigned');
  }
}

function unanswered(request: string, broker: string): TidemarkError {
  return new TidemarkError(
    'SOURCE_UNREACHABLE',
    `broker ${broker} does not answer a ${request} request; another is asked`,
  );
}
