import { type FailureCode, TidemarkError } from '../../../pipeline/errors.ts';
import { partitionName } from '../../../pipeline/partition.ts';
import type { LogEnd, LostRecords, PartitionId, StoredPosition } from '../../../pipeline/ports.ts';
import type { KafkaOptions } from '../client/options.ts';
import type { Damage, FetchedRecords } from '../records/fetched-records.ts';
import { decodeBookmark, type LogIdentity } from './bookmark.ts';
import { originOf, type PartitionReading } from './partition-reading.ts';

/** What to do about records that Kafka deleted before they were read, and about batches that cannot be read. */
export type Policies = Pick<KafkaOptions, 'onLostRecords' | 'onDamagedBatch'>;

/**
 * Checks the next offset to read against the offsets `[low, high)` that the partition holds. Throws `SOURCE_CHANGED` when
 * it is above `high`, and `RECORDS_LOST` when it is below `low` and the policy is to stop.
 */
export function checkRange(
  { partition, low, high }: Omit<LogEnd, 'stable'>,
  position: number,
  policy: Policies['onLostRecords'],
): void {
  if (position > high) {
    throw failure(
      'SOURCE_CHANGED',
      partition,
      `the next offset to read is ${position}, but the log ends at ${high}: the topic was recreated or truncated`,
    );
  }
  if (position < low && policy === 'stop') {
    const cure = 'to continue after the gap, set kafka_on_lost_records to skip, or give a new replay --allow-gaps';
    throw failure(
      'RECORDS_LOST',
      partition,
      `the next offset to read is ${position}, but the log now begins at ${low}; ${cure}`,
    );
  }
}

/**
 * Throws `SOURCE_CHANGED` when a stored position comes from another cluster, from another topic of the same name, or from
 * a source that is not Kafka. Its offset has no meaning in this log.
 */
export function checkIdentity({ partition, origin, bookmark }: StoredPosition, log: LogIdentity): void {
  if (origin !== originOf(log.cluster)) {
    throw failure(
      'SOURCE_CHANGED',
      partition,
      `it was read from ${origin}, but kafka_brokers leads to ${originOf(log.cluster)}; correct kafka_brokers, or start with a new database`,
    );
  }
  checkTopicId(partition.topic, decodeBookmark(bookmark)?.log.topicId ?? null, log.topicId);
}

/** Throws `SOURCE_CHANGED` when a topic's id differs from the stored one. An id that is not known (null) passes. */
export function checkTopicId(topic: string, storedId: string | null, currentId: string | null): void {
  if (storedId === null || currentId === null || storedId === currentId) return;
  throw new TidemarkError(
    'SOURCE_CHANGED',
    `topic ${topic} was recreated: its id is ${currentId}, but the stored records have the id ${storedId}; start with a new database`,
    { changed: { topic, partition: null } },
  );
}

/** The error for a partition that holds another record at the offset of the last stored one. */
function otherRecord(partition: PartitionId, offset: number): TidemarkError {
  return failure(
    'SOURCE_CHANGED',
    partition,
    `offset ${offset} holds another record than the stored one: the topic was recreated or lost its newest records; start with a new database`,
  );
}

/**
 * What to do with a fetch: `take` it; `refetch` from the right offset; or take it and store the gap of lost records
 * before it.
 */
export type FetchDecision = 'take' | 'refetch' | LostRecords;

/**
 * Decides what to do with a fetch, by comparing it with what was read before. This is needed because kafkajs silently
 * continues at another offset when the requested one lies outside of the log. Throws `SOURCE_CHANGED` when the log is
 * another one; and `RECORDS_LOST` when records are missing, `SOURCE_CORRUPT` when they cannot be read, and the policy is
 * to stop.
 */
export function decideFetch(fetched: FetchedRecords, reading: PartitionReading, policies: Policies): FetchDecision {
  const decision = decideRange(fetched, reading, policies);
  const { damage, from } = fetched;
  return damage === null || decision === 'refetch' ? decision : decideDamaged(damage, from, reading, policies);
}

/** The decision on a fetch without damage. */
function decideRange(fetched: FetchedRecords, reading: PartitionReading, policies: Policies): FetchDecision {
  const { partition, position, bookmark } = reading;
  const relation = reading.compare(fetched);
  if (relation === 'follows' || position === null) return 'take';
  if (relation === 'changed') throw otherRecord(partition, bookmark?.offset ?? position);
  const { from, logStart, high } = fetched;
  checkRange({ partition, low: logStart, high }, position, policies.onLostRecords);
  switch (relation) {
    case 'old':
      return 'take';
    case 'gap': {
      const reason = `deleted by Kafka before it was read; the log begins at ${logStart}`;
      return from === logStart ? { from: position, to: from, reason } : 'refetch';
    }
    case 'unproven':
      if (bookmark !== null && logStart <= bookmark.offset) return 'refetch';
      // Kafka deleted the bookmarked record, so nothing is left to compare with.
      reading.skipVerification();
      return 'take';
  }
}

/**
 * Decides on a fetch whose first batch is damaged. Damage that came about on the way from the broker is gone when the
 * batch is fetched again. A batch of which all was read before is no loss.
 */
function decideDamaged(
  { reason, to }: Damage,
  from: number,
  reading: PartitionReading,
  { onDamagedBatch }: Policies,
): FetchDecision {
  const { partition } = reading;
  const position = reading.position ?? from;
  if ((to !== null && to <= position) || !reading.isDamagedAgain(from)) return 'refetch';
  if (onDamagedBatch === 'skip' && to !== null) return { from: position, to, reason };
  const cure =
    to === null
      ? 'where it ends cannot be told, so that it cannot be skipped'
      : `to continue after offset ${to - 1}, set kafka_on_damaged_batch to skip, or give a new replay --allow-gaps`;
  throw new TidemarkError('SOURCE_CORRUPT', `${partitionName(partition)}: ${reason}; ${cure}`);
}

function failure(code: FailureCode, partition: PartitionId, problem: string): TidemarkError {
  return new TidemarkError(code, `${partitionName(partition)}: ${problem}`, { changed: partition });
}
