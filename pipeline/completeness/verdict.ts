import { formatTimestamp } from '../../schemas/json/timestamps.ts';
import { isSamePartition, partitionName } from '../partition.ts';
import type { LogEnd, PartitionId, StoredPosition } from '../ports.ts';

export interface Completeness {
  readonly status: 'complete' | 'provisional';
  /** Why it is provisional, naming the partitions; empty when complete. */
  readonly reasons: readonly string[];
}

/** How far the log reached at a moment, in milliseconds; null where it could not be asked, or there is none to ask. */
export interface SeenEnds {
  readonly ends: readonly LogEnd[] | null;
  readonly at: number;
  /** There is a log, but it could not be looked at: it may have partitions that nothing was stored of. */
  readonly isUnseen?: boolean;
}

interface CompletenessInput {
  readonly positions: readonly StoredPosition[];
  readonly seen: SeenEnds;
  /** End of the window, in milliseconds since 1970 UTC. */
  readonly timeTo: number;
  readonly allowedLatenessMs: number;
  /** Selected services whose events come from more than one partition: they have no order in the log. */
  readonly splitServices: number;
  /** Offsets that the log had deleted before they were read. */
  readonly lostRecords: number;
}

/**
 * Complete: no event with a time before `time_to` is still expected (contract, section 4). Every partition's watermark has
 * passed the window's end and the allowed lateness; or the clock had passed it when the log was looked at, and all that
 * the partition held then is stored: an idle partition holds nothing back. A log that could not be looked at vouches for
 * nothing.
 */
export function judgeCompleteness(input: CompletenessInput): Completeness {
  const { positions, seen, splitServices, lostRecords } = input;
  const reasons = partitionsOf(input)
    .map(partition => reasonAgainst(partition, input))
    .filter(reason => reason !== null);
  if (seen.isUnseen === true) reasons.push('the log could not be looked at');
  if (positions.length === 0 && (seen.ends ?? []).length === 0) reasons.push('nothing was ever ingested');
  if (splitServices > 0) reasons.push(`${splitServices} of the services have events in more than one partition`);
  if (lostRecords > 0) reasons.push(`${lostRecords} offsets were deleted from the log before they were read`);
  return { status: reasons.length === 0 ? 'complete' : 'provisional', reasons };
}

/** Those that something was stored of, then those that are ours and hold nothing yet. */
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
  const end = seen.ends?.find(of => isSamePartition(of.partition, partition));
  if (end !== undefined && seen.at >= wanted && isConsumed(end, positions)) return null;
  const at = watermark === null ? 'not known' : formatTimestamp(watermark);
  return `${partitionName(partition)}: watermark ${at} has not passed ${formatTimestamp(wanted)}${excuse(end, stored, seen)}`;
}

/** True when all that the partition holds, or held when it was looked at, is stored. */
export function isConsumed(end: LogEnd, positions: readonly StoredPosition[]): boolean {
  const stored = positions.find(({ partition }) => isSamePartition(partition, end.partition));
  return (stored?.nextOffset ?? end.low) >= end.high;
}

/** Why the clock could not stand in for the watermark, where there is a log to look at. */
function excuse(end: LogEnd | undefined, stored: StoredPosition | undefined, { ends }: SeenEnds): string {
  if (ends === null || end === undefined) return '';
  const behind = end.high - (stored?.nextOffset ?? end.low);
  return behind > 0 ? `, and ${behind} records of it are not stored` : '';
}
