import type { EachBatchPayload } from 'kafkajs';
import { TidemarkError } from '../../pipeline/errors.ts';
import { isSamePartition, partitionName } from '../../pipeline/partition.ts';
import type {
  Clock,
  EventSource,
  Log,
  LogEnd,
  LostRecords,
  PartitionId,
  RecordBatch,
  StoredPosition,
} from '../../pipeline/ports.ts';
import { TopicIds } from './client/kafkajs-requests.ts';
import type { KafkaOptions } from './client/options.ts';
import { retryUntilConnected } from './client/retry-until-connected.ts';
import { GroupConsumer, type Membership } from './group/group-consumer.ts';
import type { LogIdentity } from './reading/bookmark.ts';
import { Handoff } from './reading/handoff.ts';
import { checkIdentity, checkRange, checkTopicId, judge } from './reading/lost-records.ts';
import { type Fetched, PartitionReading } from './reading/partition-reading.ts';
import type { RetentionWatch } from './reading/retention-watch.ts';
import type { FetchedBatch } from './records/fetched-batch.ts';
import type { KafkaCluster } from './topics/cluster.ts';
import type { TopicWarning } from './topics/topic-checks.ts';

/** Batches that wait for the reader; with one being folded and up to four being stored that is work enough ahead. */
const waitingBatches = 1;
const heartbeatEveryMs = 1_000;

/** Reports records that are older than their topic's retention allows. */
export interface RetentionReport {
  readonly watch: RetentionWatch;
  readonly clock: Clock;
  readonly onWarning: (warning: TopicWarning) => void;
}

/** For who need not be found again. */
const nobody: Membership = { former: null, joined: () => undefined, left: () => undefined };

/**
 * Reads events from Kafka. Offsets are the database's: on every assignment the client is told where to read on from what
 * was handed to the reader, and whatever it delivers is checked against that (see `PartitionReading`). Committing to the
 * group (`commit`) is for lag tools only.
 */
export class KafkaSource implements EventSource {
  readonly #cluster: KafkaCluster;
  readonly #options: KafkaOptions;
  readonly #log: Log;
  readonly #consumer: GroupConsumer;
  readonly #retention: RetentionReport | null;
  readonly #readings = new Map<string, PartitionReading>();
  readonly #handoff = new Handoff<RecordBatch>(waitingBatches);
  /** Of the topics as they were when reading began. */
  readonly #topicIds = new TopicIds();
  /** Where each partition began when it was last seen not to be ours. */
  readonly #lows = new Map<string, number>();

  constructor(
    cluster: KafkaCluster,
    options: KafkaOptions,
    log: Log,
    membership: Membership = nobody,
    retention: RetentionReport | null = null,
  ) {
    this.#retention = retention;
    this.#cluster = cluster;
    this.#options = options;
    this.#log = log;
    this.#consumer = new GroupConsumer(cluster, options, membership, log);
  }

  /** The partitions that are ours now. */
  get assigned(): readonly PartitionId[] {
    return this.#consumer.assigned;
  }

  /** Why nothing is read at the moment; null when all is well. */
  get problem(): string | null {
    return this.#consumer.problem;
  }

  async *read(stored: readonly StoredPosition[], signal: AbortSignal): AsyncGenerator<RecordBatch> {
    if (signal.aborted) return;
    const close = (): void => this.#handoff.close();
    signal.addEventListener('abort', close, { once: true });
    const ended = new AbortController();
    try {
      await this.#begin(stored, signal);
      const take = (payload: EachBatchPayload): Promise<void> => this.#take(payload);
      const user = { topicIds: this.#topicIds, startOf: this.#startOf, take };
      this.#consumer.run(user, AbortSignal.any([signal, ended.signal])).catch(error => this.#handoff.fail(error));
      for (let batch = await this.#handoff.take(); batch !== null; batch = await this.#handoff.take()) {
        this.#checkRetention(batch);
        yield batch;
      }
    } finally {
      signal.removeEventListener('abort', close);
      this.#handoff.close();
      ended.abort();
      await this.#consumer.leave();
    }
  }

  /** How far the log reaches. Throws `SOURCE_CHANGED` when it no longer holds what was handed on: made anew, or cut. */
  async ends(): Promise<readonly LogEnd[]> {
    // Taken before the log is asked, which may grow meanwhile and be read further.
    const positions = new Map(Array.from(this.#readings, ([name, { position }]) => [name, position]));
    const askedAt = this.#retention?.clock.now();
    const ids = await this.#cluster.topicIds();
    for (const [topic, id] of this.#topicIds) checkTopicId(topic, id, ids.get(topic) ?? null);
    const ends = await this.#cluster.ends();
    this.#noteLows(ends);
    for (const end of ends) {
      const position = positions.get(partitionName(end.partition)) ?? null;
      if (position !== null) checkRange(end, position, 'skip');
    }
    if (askedAt !== undefined) this.#retention?.watch.noteEnds(ends, askedAt);
    return ends;
  }

  /** Commits what is stored to the group, for lag tools. It is never read back. */
  commit(positions: readonly StoredPosition[]): Promise<void> {
    return this.#consumer.commit(positions);
  }

  #checkRetention(batch: RecordBatch): void {
    const warning = this.#retention?.watch.warningOf(batch) ?? null;
    if (warning !== null) this.#retention?.onWarning(warning);
  }

  async #begin(stored: readonly StoredPosition[], signal: AbortSignal): Promise<void> {
    const { topics, brokers, onLostRecords } = this.#options;
    const attempts = { what: 'look at the topics', brokers, log: this.#log, signal };
    const ids = await retryUntilConnected(attempts, () => this.#cluster.topicIds());
    for (const [topic, id] of ids) this.#topicIds.set(topic, id);
    const ends = await retryUntilConnected(attempts, () => this.#cluster.ends());
    this.#noteLows(ends);
    for (const position of stored.filter(({ partition }) => topics.includes(partition.topic))) {
      const log = this.#identityOf(position.partition);
      checkIdentity(position, log);
      const end = ends.find(({ partition }) => isSamePartition(partition, position.partition));
      if (end !== undefined) checkRange(end, position.nextOffset, onLostRecords);
      this.#readings.set(partitionName(position.partition), new PartitionReading(position.partition, log, position));
    }
  }

  /** What others read and Kafka deleted is not lost; what is deleted once a partition is ours and before it is read, is. */
  #noteLows(ends: readonly LogEnd[]): void {
    for (const { partition, low } of ends) if (!this.#isOurs(partition)) this.#lows.set(partitionName(partition), low);
  }

  readonly #startOf = (partition: PartitionId): number =>
    this.#readingOf(partition).assign(this.#lows.get(partitionName(partition)) ?? 0);

  async #take({ batch, heartbeat, resolveOffset }: EachBatchPayload): Promise<void> {
    // Ours, see load-kafkajs.
    const fetched = fetchedOf(batch as unknown as FetchedBatch);
    const reading = this.#readingOf(batch);
    try {
      const verdict = judge(fetched, reading, this.#options.onLostRecords);
      if (verdict === 'again') return this.#fetchAgain(reading, fetched);
      if (verdict !== 'take') this.#tellLost(reading.partition, verdict);
      for (const cut of reading.cut(fetched, this.#options, verdict === 'take' ? null : verdict)) {
        await this.#spaceFor(heartbeat);
        // While we waited the partition may have gone and come back, and been read by another call.
        if (this.#handoff.isClosed || !follows(cut, reading.position)) return;
        this.#handoff.offer(cut);
        reading.advance(cut);
      }
    } catch (error) {
      // What passes is tried again by the client; all else ends the reading.
      if (error instanceof TidemarkError && !error.retry) this.#handoff.fail(error);
      throw error;
    }
    if (this.#isOurs(reading.partition)) resolveOffset(batch.lastOffset());
  }

  #tellLost(partition: PartitionId, lost: LostRecords): void {
    this.#log.error({ ...partition, ...lost }, 'records were lost; reading goes on behind them');
  }

  #fetchAgain(reading: PartitionReading, { from }: Fetched): void {
    const start = reading.start ?? from;
    this.#log.warn({ ...reading.partition, from, start }, 'what was fetched lies elsewhere; it is fetched again');
    if (this.#isOurs(reading.partition)) this.#consumer.seek(reading.partition, start);
  }

  /** Waits until the reader can take more, and says meanwhile that we live. Throws when the group wants us to join anew. */
  async #spaceFor(heartbeat: () => Promise<void>): Promise<void> {
    await heartbeat();
    while (!this.#handoff.hasSpace && !this.#handoff.isClosed) {
      await this.#handoff.changed(heartbeatEveryMs);
      await heartbeat();
    }
  }

  #readingOf({ topic, partition: number }: PartitionId): PartitionReading {
    const partition = { topic, partition: number };
    const name = partitionName(partition);
    const known = this.#readings.get(name) ?? new PartitionReading(partition, this.#identityOf(partition), undefined);
    this.#readings.set(name, known);
    return known;
  }

  #identityOf({ topic }: PartitionId): LogIdentity {
    return { cluster: this.#cluster.clusterId, topicId: this.#topicIds.get(topic) ?? null };
  }

  /** Another group member may own it by now, and the client forgets what it knew of such partitions. */
  #isOurs(partition: PartitionId): boolean {
    return this.assigned.some(of => isSamePartition(of, partition));
  }
}

function fetchedOf({ messages, fetchedOffset, nextOffset, logStart, highWatermark }: FetchedBatch): Fetched {
  return { records: messages, from: Number(fetchedOffset), nextOffset, logStart, high: Number(highWatermark) };
}

function follows({ from, lost }: RecordBatch, position: number | null): boolean {
  return position === null || (lost?.from ?? from) === position;
}
