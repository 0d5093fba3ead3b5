import { type Lateness, type Source, type Sources, watermarkOf } from '../../pipeline/completeness/sources.ts';
import { byTopicAndNumber, partitionName } from '../../pipeline/partition.ts';
import { formatTimestamp } from '../../schemas/json/timestamps.ts';
import type { LatenessSeen } from './lateness-seen.ts';
import { openTransactionMs } from './partition-facts.ts';
import type { StoredBatches } from './stored-batches.ts';

/** One partition as `tidemark status` and the metrics show it. */
export interface PartitionStatus {
  readonly topic: string;
  readonly partition: number;
  readonly origin: string;
  readonly stored_offset: number;
  /** The high watermark at the last look; null where no service reads the partition now. */
  readonly log_end: number | null;
  /** Null also where the last look is more than ten seconds old: the log may have grown since. */
  readonly lag_records: number | null;
  /**
   * Age of the newest stored record while newer ones are not stored; 0 when all are stored. Where this process has stored
   * none: how long ago the partition was last stored to its end, or, where it never was, how long its records have waited.
   */
  readonly lag_seconds: number | null;
  /** How long a transaction has been open without any progress; 0 where none is. */
  readonly open_transaction_seconds: number | null;
  readonly watermark: string | null;
  /** How late its last 10,000 events came, in milliseconds; null before the first since the start. */
  readonly lateness_ms: LatenessSeen | null;
  readonly records_read: number;
  readonly applied: number;
  readonly quarantined: number;
}

interface StatusContext {
  /** What this process stored since its start; null where it stores nothing. */
  readonly batches: Pick<StoredBatches, 'recordTimes' | 'lateness'> | null;
  readonly lateness: Lateness;
  readonly now: number;
}

/** Every source, by topic and number. A file that was given and of which nothing was stored yet is one too. */
export function partitionStatuses({ partitions }: Sources, context: StatusContext): readonly PartitionStatus[] {
  return inOrder(Array.from(partitions.values())).map(source => statusOf(source, context));
}

/** Sources by topic and number. */
export function inOrder(sources: readonly Source[]): readonly Source[] {
  return sources.toSorted((one, other) => byTopicAndNumber(one.partition, other.partition));
}

/** A lag rests on a look that is at most this old. */
const oldLookMs = 10_000;

/** How long ago a time was, in seconds; 0 for one that the clock has not reached. */
export function secondsSince(time: number, now: number): number {
  return Math.max(now - time, 0) / 1000;
}

function statusOf(source: Source, { batches, lateness, now }: StatusContext): PartitionStatus {
  const { partition, origin, look, nextOffset, assignedAt, recordsRead, applied, quarantined } = source;
  const name = partitionName(partition);
  const storedOffset = nextOffset ?? assignedAt ?? 0;
  // The end of a partition that another process reads says nothing about this process.
  const end = assignedAt === null ? null : look;
  const lag = end === null || now - end.at > oldLookMs ? null : Math.max(end.high - storedOffset, 0);
  const behindSince = batches?.recordTimes.get(name) ?? source.vouchedAt ?? source.pending[0]?.at ?? null;
  const age = behindSince === null ? null : secondsSince(behindSince, now);
  const watermark = watermarkOf(source, lateness);
  return {
    ...partition,
    origin,
    stored_offset: storedOffset,
    log_end: end?.high ?? null,
    lag_records: lag,
    lag_seconds: lag === 0 ? 0 : lag === null ? null : age,
    open_transaction_seconds: end === null ? null : openTransactionMs(source, now) / 1000,
    watermark: watermark === null ? null : formatTimestamp(watermark),
    lateness_ms: batches?.lateness.of(name) ?? null,
    records_read: recordsRead,
    applied,
    quarantined,
  };
}
