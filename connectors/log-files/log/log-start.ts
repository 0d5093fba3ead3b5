import { open } from 'node:fs/promises';
import { TidemarkError } from '../../../pipeline/errors.ts';
import type { StoredPosition } from '../../../pipeline/ports.ts';
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
}

/**
 * Finds the stored position in a log by its bookmark, or else at the beginning of the segment that holds it. Throws
 * `SOURCE_CHANGED` when the log begins after the position, or holds another batch at the place of the bookmarked one.
 */
export async function findStart(log: LogFolder, stored: StoredPosition | undefined): Promise<LogStart> {
  const low = log.segments[0]?.baseOffset ?? 0;
  if (stored === undefined) return { segmentIndex: 0, byte: 0, base: low, nextOffset: low };
  const { nextOffset } = stored;
  if (nextOffset < low) {
    throw changedLog(log, `the next offset to read is ${nextOffset}, but the log now begins at offset ${low}`);
  }
  const bookmark = decodeBookmark(stored.bookmark);
  const segmentIndex = log.segments.findIndex(({ baseOffset }) => baseOffset === bookmark?.segment);
  const marked = log.segments[segmentIndex];
  // The bookmarked segment may be deleted while the next offset is still there, in the segment after it.
  if (bookmark === null || marked === undefined) return startOfSegment(log, nextOffset);
  if (!(await holds(marked, bookmark, nextOffset))) {
    const problem = `${marked.path} no longer holds the last consumed batch, at byte ${bookmark.byte}`;
    throw changedLog(log, problem);
  }
  return { segmentIndex, byte: bookmark.byte, base: bookmark.base, nextOffset };
}

/** The error for a log that is no longer the one that was consumed. */
export function changedLog(log: LogFolder, difference: string): TidemarkError {
  const name = `${log.identity.topic}-${log.identity.partition}`;
  const remedy = 'restore the log as it was, or ingest it into a new database';
  return new TidemarkError('SOURCE_CHANGED', `the log ${name} in ${log.path} has changed: ${difference}; ${remedy}`);
}

function startOfSegment(log: LogFolder, nextOffset: number): LogStart {
  const segmentIndex = log.segments.findLastIndex(({ baseOffset }) => baseOffset <= nextOffset);
  return { segmentIndex, byte: 0, base: log.segments[segmentIndex]?.baseOffset ?? 0, nextOffset };
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
