import { formatTimestamp } from '../../schemas/json/timestamps.ts';
import { isSamePartition, partitionName } from '../partition.ts';
import type { LogEnd, PartitionId, StoredPosition } from '../ports.ts';

export interface Completeness {
  readonly status: 'complete' | 'provisional';
  /** Why it is provisional, naming the partitions; empty when complete. */
  readonly reasons: readonly string[];
}

/** How far each partition of the log reached when it was looked at. */
export interface SeenEnds {
  /** Null when the log did not answer, or when the database is judged without its log. */
  readonly ends: readonly LogEnd[] | null;
  /** When, in milliseconds since 1970 UTC. */
  readonly at: number;
  /** True when there is a log but it did not answer: it may have partitions of which nothing is stored. */
  readonly lookFailed?: boolean;
}

interface CompletenessInput {
  readonly positions: readonly StoredPosition[];
  readonly seen: SeenEnds;
  /** End of the window, in milliseconds since 1970 UTC. */
  readonly timeTo: number;
  readonly allowedLatenessMs: number;
  /** Selected services with events from more than one partition: the log gives these events no common order. */
  readonly splitServices: number;
  /** Offsets that the log had deleted before they were read. */
  readonly lostRecords: number;
}

/**
 * Judges whether an event with a time before `time_to` is still expected (contract 4.20, 4.21). A window is complete
 * when each partition satisfies one of two conditions. Either its watermark has passed `time_to` plus the allowed
 * lateness; or the log was looked at after that time and everything it held then is stored, so that an idle partition
 * holds nothing back. While the log cannot be looked at, every window is provisional.
 */
export function judgeCompleteness(input: CompletenessInput): Completeness {
  const { positions, seen, splitServices, lostRecords } = input;
  const reasons = partitionsOf(input)
    .map(partition => reasonAgainst(partition, input))
    .filter(reason => reason !== null);
  if (seen.lookFailed === true) reasons.push('the log could not be looked at');
  if (positions.length === 0 && (seen.ends ?? []).length === 0) reasons.push('nothing was ever ingested');
  if (splitServices > 0) reasons.push(`${splitServices} of the services have events in more than one partition`);
  if (lostRecords > 0) reasons.push(`${lostRecords} offsets were deleted from the log before they were read`);
  return { status: reasons.length === 0 ? 'complete' : 'provisional', reasons };
}

/** Partitions with a stored position, then those that were seen in the log only. */
function partitionsOf({ positions, seen }: CompletenessInput): readonly PartitionId[] {
  const stored = positions.map(({ partition }) => partition);
  const others = (seen.ends ?? []).map(({ partition }) => partition);
  return [...stored, ...others.filter(other => !stored.some(partition => isSamePartition(partition, other)))];
}

function reasonAgainst(partition: PartitionId, { positions, seen, timeTo, allowedLatenessMs }: CompletenessInput) {
  const wanted = timeTo + allowedLatenessMs;
  const stored = positions.find(position => isSamePartition(position.partition, partition));
  const watermark = stored?.watermark ?? null;
  if (watermark !== null && watermark >= wanted) return null;
  const end = seen.ends?.find(({ partition: other }) => isSamePartition(other, partition));
  if (end !== undefined && seen.at >= wanted && isAllStored(end, positions)) return null;
  const shown = watermark === null ? 'not known' : formatTimestamp(watermark);
  const rest = describeUnstored(end, stored, seen);
  return `${partitionName(partition)}: watermark ${shown} has not passed ${formatTimestamp(wanted)}${rest}`;
}

/** True when all records that the partition held are stored. */
export function isAllStored(end: LogEnd, positions: readonly StoredPosition[]): boolean {
  const stored = positions.find(({ partition }) => isSamePartition(partition, end.partition));
  return (stored?.nextOffset ?? end.low) >= end.high;
}

/** The end of a reason: how many records of the log are not stored. Empty when none, or when the number is not known. */
function describeUnstored(end: LogEnd | undefined, stored: StoredPosition | undefined, { ends }: SeenEnds): string {
  if (ends === null || end === undefined) return '';
  const behind = end.high - (stored?.nextOffset ?? end.low);
  return behind > 0 ? `, and ${behind} records of it are not stored` : '';
}
