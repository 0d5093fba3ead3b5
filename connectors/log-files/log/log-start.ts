import { open } from 'node:fs/promises';
import { TidemarkError } from '../../../pipeline/errors.ts';
import type { LostRecords, StoredPosition } from '../../../pipeline/ports.ts';
import { decodeBookmark, type LogBookmark } from './log-bookmark.ts';
import type { LogFolder, Segment } from './log-folder.ts';
import { SegmentReader } from './segment-reader.ts';

/** Where reading a log begins. */
export interface LogStart {
  /** Index of the segment in the log. */
  readonly segmentIndex: number;
  /** Position of a batch in the segment file. */
  readonly byte: number;
  /** Offset of that batch's first record. */
  readonly base: number;
  /** Records with a lower offset are skipped. */
  readonly nextOffset: number;
  /** The records that were deleted before they were read; null where there are none. */
  readonly lost: LostRecords | null;
}

/** What to do when the next record to read was deleted with its segment: stop, or record the gap and go on after it. */
export type LostRecordsPolicy = 'stop' | 'skip';

/**
 * Finds the stored position in a log by its bookmark, or else at the beginning of the segment that holds it. Throws
 * `SOURCE_CHANGED` when the log holds another batch at the place of the bookmarked one, and `RECORDS_LOST` when it begins
 * after the position and the policy is to stop.
 */
export async function findStart(
  log: LogFolder,
  stored: StoredPosition | undefined,
  policy: LostRecordsPolicy,
): Promise<LogStart> {
  const low = log.segments[0]?.baseOffset ?? 0;
  const first = { segmentIndex: 0, byte: 0, base: low, nextOffset: low, lost: null };
  if (stored === undefined) return first;
  const { nextOffset } = stored;
  if (nextOffset < low) return { ...first, lost: lostBefore(log, low, nextOffset, policy) };
  const bookmark = decodeBookmark(stored.bookmark);
  const segmentIndex = log.segments.findIndex(({ baseOffset }) => baseOffset === bookmark?.segment);
  const marked = log.segments[segmentIndex];
  // The bookmarked segment may be deleted while the next offset is still there, in the segment after it.
  if (bookmark === null || marked === undefined) return startOfSegment(log, nextOffset);
  if (!(await holds(marked, bookmark, nextOffset))) {
    const problem = `${marked.path} no longer holds the last consumed batch, at byte ${bookmark.byte}`;
    throw changedLog(log, problem);
  }
  return { segmentIndex, byte: bookmark.byte, base: bookmark.base, nextOffset, lost: null };
}

/** The error for a log that is no longer the one that was consumed. */
export function changedLog(log: LogFolder, difference: string): TidemarkError {
  const remedy = 'restore the log as it was, or ingest it into a new database';
  return new TidemarkError('SOURCE_CHANGED', `${nameOf(log)} has changed: ${difference}; ${remedy}`);
}

function nameOf({ identity: { topic, partition }, path }: LogFolder): string {
  return `the log ${topic}-${partition} in ${path}`;
}

function lostBefore(log: LogFolder, low: number, nextOffset: number, policy: LostRecordsPolicy): LostRecords {
  if (policy === 'stop') {
    const cure =
      'restore the segments before it or, to continue after the gap, set kafka_on_lost_records to skip, or give a new replay --allow-gaps';
    const problem = `the next offset to read is ${nextOffset}, but the log now begins at ${low}`;
    throw new TidemarkError('RECORDS_LOST', `${nameOf(log)}: ${problem}; ${cure}`);
  }
  const reason = `the segments were deleted before they were read; the log begins at ${low}`;
  return { from: nextOffset, to: low, reason };
}

function startOfSegment(log: LogFolder, nextOffset: number): LogStart {
  const segmentIndex = log.segments.findLastIndex(({ baseOffset }) => baseOffset <= nextOffset);
  return { segmentIndex, byte: 0, base: log.segments[segmentIndex]?.baseOffset ?? 0, nextOffset, lost: null };
}

async function holds(segment: Segment, { byte, base, crc }: LogBookmark, nextOffset: number): Promise<boolean> {
  const handle = await open(segment.path, 'r');
  try {
    const { size } = segment;
    const batch = await new SegmentReader({ handle, size, at: byte, nextOffset: base, windowBytes: 4096 }).next();
    return batch !== null && batch.crc === crc && base < nextOffset && nextOffset <= base + batch.count;
  } finally {
    await handle.close();
  }
}
