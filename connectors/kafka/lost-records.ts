import { type FailureCode, TidemarkError } from '../../pipeline/errors.ts';
import type { LogEnd, LostRecords, PartitionId } from '../../pipeline/ports.ts';
import type { KafkaOptions } from './options.ts';
import type { PartitionReading } from './partition-reading.ts';

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

/** A database belongs to one cluster: offsets of another say nothing. */
export function checkClusterId({ partition, bookmark }: PartitionReading, clusterId: string): void {
  if (bookmark === null || bookmark.cluster === clusterId) return;
  throw failure(
    'SOURCE_CHANGED',
    partition,
    `it was read from cluster ${bookmark.cluster}, and this is cluster ${clusterId}; correct kafka_brokers, or begin with a new database`,
  );
}

/** The error for a partition that holds another record where the last stored one lay. */
export function remade(partition: PartitionId, offset: number): TidemarkError {
  return failure(
    'SOURCE_CHANGED',
    partition,
    `another record lies at ${offset} than the one read from there: the topic was made anew, or lost its newest records; begin with a new database`,
  );
}

interface Jump {
  readonly end: LogEnd;
  readonly reading: PartitionReading;
  /** Where the client went on. */
  readonly fetchedOffset: number;
  readonly policy: Policy;
}

/** What a jump of the client means: nothing was lost (null), so many records were, or an error is thrown. */
export function judgeRange({ end, reading, fetchedOffset, policy }: Jump): LostRecords | null {
  const { position } = reading;
  if (position === null) return null;
  checkRange(end, position, policy);
  // The record to compare with is gone, or the client went back: what lies below the position is dropped anyway.
  reading.skipVerification();
  if (fetchedOffset <= position) return null;
  return {
    from: position,
    to: fetchedOffset,
    reason: `deleted by Kafka before it was read; the log begins at ${end.low}`,
  };
}

function failure(code: FailureCode, { topic, partition }: PartitionId, problem: string): TidemarkError {
  return new TidemarkError(code, `${topic}/${partition}: ${problem}`);
}
