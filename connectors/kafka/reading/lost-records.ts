import { type FailureCode, TidemarkError } from '../../../pipeline/errors.ts';
import { partitionName } from '../../../pipeline/partition.ts';
import type { LogEnd, LostRecords, PartitionId, StoredPosition } from '../../../pipeline/ports.ts';
import type { KafkaOptions } from '../client/options.ts';
import { decodeBookmark, type LogIdentity } from './bookmark.ts';
import { type Fetched, originOf, type PartitionReading } from './partition-reading.ts';

type Policy = KafkaOptions['onLostRecords'];

/**
 * Throws `SOURCE_CHANGED` when `position` lies behind what the partition holds, and `RECORDS_LOST` when it lies before it
 * and the policy is to stop.
 */
export function checkRange({ partition, low, high }: LogEnd, position: number, policy: Policy): void {
  if (position > high) {
    throw failure(
      'SOURCE_CHANGED',
      partition,
      `${position} was to be read next, but the log ends at ${high}: the topic was made anew, or cut`,
    );
  }
  if (position < low && policy === 'stop') {
    const cure = 'to go on behind the gap, set kafka_on_lost_records to skip';
    throw failure(
      'RECORDS_LOST',
      partition,
      `${position} was to be read next, but the log now begins at ${low}; ${cure}`,
    );
  }
}

/**
 * A database belongs to one cluster and to topics, not to names: offsets of others, or of no Kafka at all, say nothing.
 * Throws `SOURCE_CHANGED`.
 */
export function checkIdentity({ partition, origin, bookmark }: StoredPosition, log: LogIdentity): void {
  if (origin !== originOf(log.cluster)) {
    throw failure(
      'SOURCE_CHANGED',
      partition,
      `it was read from ${origin}, and this is ${originOf(log.cluster)}; correct kafka_brokers, or begin with a new database`,
    );
  }
  checkTopicId(partition.topic, decodeBookmark(bookmark)?.log.topicId ?? null, log.topicId);
}

/** Throws `SOURCE_CHANGED` when a topic has another id than the one that was read; null where an id is not known. */
export function checkTopicId(topic: string, read: string | null, found: string | null): void {
  if (read === null || found === null || read === found) return;
  throw new TidemarkError(
    'SOURCE_CHANGED',
    `topic ${topic} was made anew: its id is ${found}, and what was read had ${read}; begin with a new database`,
  );
}

/** The error for a partition that holds another record where the last stored one lay. */
function remade(partition: PartitionId, offset: number): TidemarkError {
  return failure(
    'SOURCE_CHANGED',
    partition,
    `another record lies at ${offset} than the one read from there: the topic was made anew, or lost its newest records; begin with a new database`,
  );
}

/** What is to be done with a fetch: take it, record what was lost before it, or fetch again from where reading stands. */
export type Verdict = 'take' | 'again' | LostRecords;

/**
 * Judges a fetch by what was read before. Clients go on from elsewhere in silence when the offset that they were told lies
 * outside of the log. Throws `SOURCE_CHANGED`, and `RECORDS_LOST` where the policy is to stop.
 */
export function judge(fetched: Fetched, reading: PartitionReading, policy: Policy): Verdict {
  const { partition, position, bookmark } = reading;
  const place = reading.place(fetched);
  if (place === 'follows' || position === null) return 'take';
  if (place === 'changed') throw remade(partition, bookmark?.offset ?? position);
  const { from, logStart, high } = fetched;
  checkRange({ partition, low: logStart, high }, position, policy);
  switch (place) {
    case 'old':
      return 'take';
    case 'gap': {
      const reason = `deleted by Kafka before it was read; the log begins at ${logStart}`;
      return from === logStart ? { from: position, to: from, reason } : 'again';
    }
    case 'unproven':
      if (bookmark !== null && logStart <= bookmark.offset) return 'again';
      // The record to compare with is gone.
      reading.skipVerification();
      return 'take';
  }
}

function failure(code: FailureCode, partition: PartitionId, problem: string): TidemarkError {
  return new TidemarkError(code, `${partitionName(partition)}: ${problem}`);
}
