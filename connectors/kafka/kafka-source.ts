import type { EachBatchPayload } from 'kafkajs';
import type { AssignedPartition } from '../../pipeline/completeness/changes.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { isSamePartition, partitionName } from '../../pipeline/partition.ts';
import type {
  LiveEventSource,
  Log,
  LogEnd,
  LostRecords,
  PartitionId,
  RecordBatch,
  SecondReading,
  StoredPosition,
} from '../../pipeline/ports.ts';
import type { KafkaOptions } from './client/options.ts';
import { retryUntilConnected } from './client/retry-until-connected.ts';
import { GroupConsumer, type SavedMember } from './group/group-consumer.ts';
import { BoundedQueue } from './reading/bounded-queue.ts';
import { decideFetch } from './reading/lost-records.ts';
import type { PartitionReading } from './reading/partition-reading.ts';
import { PartitionReadings } from './reading/partition-readings.ts';
import { endlessRange, type ReadingRange, upTo } from './reading/reading-range.ts';
import type { RetentionReport } from './reading/retention-watch.ts';
import { WaitingPartitions } from './reading/waiting-partitions.ts';
import { openCodecs } from './records/codecs.ts';
import type { FetchedBatch } from './records/fetched-batch.ts';
import { type FetchedRecords, readFetched } from './records/fetched-records.ts';
import type { KafkaCluster } from './topics/cluster.ts';
import type { ClusterLook } from './topics/cluster-look.ts';

/** Batches that wait for the reader. One is enough, because one more is being folded and up to four are being stored. */
const queuedBatches = 1;
const heartbeatEveryMs = 1_000;

interface QueuedBatch {
  readonly batch: RecordBatch;
  readonly reading: PartitionReading;
}

/** For a source without a file for its member: the next process joins as a new member. */
const unsavedMember: SavedMember = { formerId: null, save: async () => undefined, forget: async () => undefined };

/**
 * Reads records from Kafka topics as a member of a consumer group. The stored positions decide where to read, not the
 * group's committed offsets: each assignment sets the offset that kafkajs reads from, and each fetch is compared with what
 * was read before (see `PartitionReading`). Committing to the group (`commit`) serves lag tools only.
 */
export class KafkaSource implements LiveEventSource {
  readonly #cluster: KafkaCluster;
  readonly #options: KafkaOptions;
  readonly #log: Log;
  readonly #consumer: GroupConsumer;
  readonly #retention: RetentionReport | null;
  readonly #range: ReadingRange;
  readonly #readings: PartitionReadings;
  readonly #queue = new BoundedQueue<QueuedBatch>(queuedBatches);
  readonly #waiting = new WaitingPartitions();
  /** The first offset of each partition when it was last seen unassigned. */
  readonly #unassignedStarts = new Map<string, number>();

  constructor(
    cluster: KafkaCluster,
    options: KafkaOptions,
    log: Log,
    savedMember: SavedMember = unsavedMember,
    retention: RetentionReport | null = null,
    range: ReadingRange = endlessRange(options),
  ) {
    this.#retention = retention;
    this.#range = range;
    this.#readings = new PartitionReadings(cluster.clusterId, range);
    this.#cluster = cluster;
    this.#options = options;
    this.#log = log;
    this.#consumer = new GroupConsumer(cluster, options, savedMember, log);
  }

  /** The partitions that the group assigns to this process now, and the offset at which each reading began. */
  get assigned(): readonly AssignedPartition[] {
    return this.#consumer.assigned.map(partition => ({ partition, at: this.#readings.of(partition).start }));
  }

  /** Why nothing is read at the moment; null while this process is a member of the group. */
  get problem(): string | null {
    return this.#consumer.problem;
  }

  /** Ends when the signal aborts; throws any failure that a new consumer does not resolve. */
  async *read(stored: readonly StoredPosition[], signal: AbortSignal): AsyncGenerator<RecordBatch> {
    if (signal.aborted) return;
    const close = (): void => this.#queue.close();
    signal.addEventListener('abort', close, { once: true });
    const ended = new AbortController();
    try {
      await this.#begin(stored, signal);
      const take = (payload: EachBatchPayload): Promise<void> => this.#take(payload);
      const reader = { topicIds: this.#readings.topicIds, startOf: this.#startOf, take };
      this.#consumer.run(reader, AbortSignal.any([signal, ended.signal])).catch(error => this.#queue.fail(error));
      for (let next = await this.#queue.take(); next !== null; next = await this.#queue.take()) {
        const { batch, reading } = next;
        // Read before the partition had to be read again.
        if (this.#readings.of(batch.partition) !== reading) continue;
        const warning = this.#retention?.watch.checkBatch(batch) ?? null;
        if (warning !== null) this.#retention?.onWarning(warning);
        yield batch;
      }
    } finally {
      signal.removeEventListener('abort', close);
      this.#queue.close();
      ended.abort();
      this.#waiting.clear();
      await this.#consumer.leave();
    }
  }

  /**
   * How far the log reaches, and which topics it has. Throws `SOURCE_CHANGED` when a topic was recreated or truncated since
   * it was read, and what `KafkaCluster.look` throws.
   */
  async look(): Promise<ClusterLook> {
    const check = this.#readings.checkLater();
    const requestedAtMs = this.#retention?.clock.now();
    const look = await this.#cluster.look();
    this.#recordUnassignedStarts(look.ends);
    check(look.topics, look.ends);
    if (requestedAtMs !== undefined) this.#retention?.watch.observeEnds(look.ends, requestedAtMs);
    return look;
  }

  readAgain(partition: PartitionId, { stored, from, afterMs }: SecondReading): void {
    this.#readings.renew(partition, stored, from);
    if (this.#isAssigned(partition)) this.#consumer.pause(partition);
    this.#waiting.add(partition, afterMs, () => {
      if (this.#queue.isClosed) return;
      const start = this.#startOf(partition);
      if (start !== null && this.#isAssigned(partition)) this.#consumer.seek(partition, start);
      // Also while another member reads it: kafkajs would keep it paused when it comes back.
      this.#consumer.resume(partition);
    });
  }

  /** Commits the stored positions to the group, for lag tools. They are never read back. */
  commit(positions: readonly StoredPosition[]): Promise<void> {
    return this.#consumer.commit(positions);
  }

  async #begin(stored: readonly StoredPosition[], signal: AbortSignal): Promise<void> {
    const attempts = { what: 'look at the topics', brokers: this.#options.brokers, log: this.#log, signal };
    const { topics, ends } = await retryUntilConnected(attempts, () => this.#cluster.look());
    this.#recordUnassignedStarts(ends);
    this.#readings.begin(topics, ends, stored);
  }

  /**
   * Records that Kafka deletes while a partition is not assigned to this process do not count as lost. Records that it
   * deletes after the assignment, before they are read, do. So the start of a partition is recorded only while it is
   * unassigned.
   */
  #recordUnassignedStarts(ends: readonly LogEnd[]): void {
    for (const { partition, low } of ends)
      if (!this.#isAssigned(partition)) this.#unassignedStarts.set(partitionName(partition), low);
  }

  readonly #startOf = (partition: PartitionId): number | null => {
    const reading = this.#readings.of(partition);
    const start = reading.assign(this.#unassignedStarts.get(partitionName(partition)) ?? 0);
    return this.#readings.hasEnded(reading) ? null : start;
  };

  async #take({ batch, heartbeat, resolveOffset }: EachBatchPayload): Promise<void> {
    const reading = this.#readings.of(batch);
    // Fetched before the partition had to wait, or by a consumer that was made meanwhile.
    if (this.#waiting.has(reading.partition) || this.#readings.hasEnded(reading))
      return this.#consumer.pause(reading.partition);
    try {
      // `loadKafkaJs` replaced kafkajs's class by this one.
      const whole = readFetched(batch as unknown as FetchedBatch, openCodecs(), this.#options.maxUnpackedBytes);
      const fetched = upTo(whole, this.#range.endOf(reading.partition) ?? 0);
      const decision = decideFetch(fetched, reading, this.#range.policiesOf(reading.partition));
      if (decision === 'refetch') return this.#refetch(reading, fetched);
      if (decision !== 'take') this.#logLost(reading.partition, decision);
      for (const cut of reading.cut(fetched, this.#options, decision === 'take' ? null : decision)) {
        await this.#waitForSpace(heartbeat);
        // Meanwhile the partition may have been unassigned, assigned again and read by another call.
        if (this.#queue.isClosed || this.#readings.of(batch) !== reading || !follows(cut, reading.position)) return;
        this.#queue.add({ batch: cut, reading });
        reading.advance(cut);
      }
      if (this.#isAssigned(reading.partition)) resolveOffset(String(fetched.nextOffset - 1));
    } catch (error) {
      // After a temporary failure kafkajs repeats the fetch. Any other failure ends the reading.
      if (error instanceof TidemarkError && !error.retry) this.#queue.fail(error);
      throw error;
    }
  }

  #logLost(partition: PartitionId, lost: LostRecords): void {
    const facts = { code: 'RECORDS_LOST', ...partition, ...lost };
    this.#log.error(facts, 'records were lost; reading continues after the gap');
  }

  #refetch(reading: PartitionReading, { from, damage }: FetchedRecords): void {
    const start = reading.fetchOffset ?? from;
    const code = damage === null ? 'SOURCE_UNREACHABLE' : 'SOURCE_CORRUPT';
    const facts = { code, ...reading.partition, from, start, ...(damage === null ? {} : { damage: damage.reason }) };
    const problem = damage === null ? 'a fetch began at an unexpected offset' : 'a fetch began with a damaged batch';
    this.#log.warn(facts, `${problem}; the partition is fetched again from offset ${start}`);
    if (this.#isAssigned(reading.partition)) this.#consumer.seek(reading.partition, start);
  }

  /** Waits until the queue has space, and sends heartbeats meanwhile. Throws when the group demands to join again. */
  async #waitForSpace(heartbeat: () => Promise<void>): Promise<void> {
    await heartbeat();
    while (!this.#queue.hasSpace && !this.#queue.isClosed) {
      await this.#queue.nextChange(heartbeatEveryMs);
      await heartbeat();
    }
  }

  /** False when the partition is now assigned to another member: kafkajs accepts no offset of it any more. */
  #isAssigned(partition: PartitionId): boolean {
    return this.#consumer.assigned.some(assigned => isSamePartition(assigned, partition));
  }
}

function follows({ from, lost }: RecordBatch, position: number | null): boolean {
  return position === null || (lost?.from ?? from) === position;
}
