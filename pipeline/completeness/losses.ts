import { formatTimestamp } from '../../schemas/json/timestamps.ts';
import { partitionName } from '../partition.ts';
import type { Gap, Source } from './sources.ts';

/** A window `[timeFrom, timeTo)`, and how far record and event times may lie from the time of appending (`skew_ms`). */
interface WindowWithSkew {
  readonly timeFrom: number;
  readonly timeTo: number;
  readonly skewMs: number;
}

/**
 * Why a window may lack events that the log lost before its first reading; null when it cannot (contract 4.31). Reading
 * that began at offset 0 lost nothing, also where markers of transactions lie below the first stored record.
 */
export function whyUnknownBeginning(source: Source, { timeFrom, skewMs }: WindowWithSkew): string | null {
  if (source.kind === 'file') return null;
  const { firstTime, firstOffset: first } = source;
  if (first === 0 || (first === null && source.nextOffset === null)) return null;
  if (isAfter(timeFrom, firstTime, skewMs)) return null;
  const known =
    first === null ? 'it is not known where its first reading began' : `its first reading began at ${first}`;
  return `${partitionName(source.partition)}: ${known}, so earlier events may be missing; ${knownFrom(firstTime, skewMs)}`;
}

/** Why a window may lack events that were lost in a gap; null when it cannot (contract 4.32). */
export function whyGap(source: Source, gap: Gap, { timeFrom, timeTo, skewMs }: WindowWithSkew): string | null {
  const { watermark, timeAfter, from, to, reason } = gap;
  if (watermark !== null && timeTo <= watermark) return null;
  if (isAfter(timeFrom, timeAfter, skewMs)) return null;
  return `${partitionName(source.partition)}: ${to - from} offsets from ${from} on were lost (${reason}); ${knownFrom(timeAfter, skewMs)}`;
}

/**
 * True when no event of the window can lie before a record with this log time: both times may differ by the skew from the
 * time of appending, hence twice.
 */
function isAfter(timeFrom: number, recordTime: number | null, skewMs: number): boolean {
  return recordTime !== null && timeFrom > recordTime + 2 * skewMs;
}

function knownFrom(recordTime: number | null, skewMs: number): string {
  return recordTime === null
    ? 'no record was stored since'
    : `windows that begin after ${formatTimestamp(recordTime + 2 * skewMs)} have all`;
}
