import { open } from 'node:fs/promises';
import { TidemarkError } from '../../../pipeline/errors.ts';
import type { StoredPosition } from '../../../pipeline/ports.ts';
import { decodeBookmark, type LogBookmark } from './log-bookmark.ts';
import type { LogFolder, Segment } from './log-folder.ts';
import { SegmentReader } from './segment-reader.ts';

/** Where reading of a log begins. */
export interface LogStart {
  /** Which of the log's segments. */
  readonly segmentIndex: number;
  /** Position in its file of a batch, and the offset that batch begins with. */
  readonly byte: number;
  readonly base: number;
  /** Records below it are passed over. */
  readonly nextOffset: number;
}

/**
 * Finds the stored position in a log: by its bookmark, or else by walking the segment which holds it. Throws
 * `SOURCE_CHANGED` when the log begins after it, or holds another batch where the bookmark says.
 */
export async function findStart(log: LogFolder, stored: StoredPosition | undefined): Promise<LogStart> {
  const low = log.segments[0]?.baseOffset ?? 0;
  if (stored === undefined) return { segmentIndex: 0, byte: 0, base: low, nextOffset: low };
  const { nextOffset } = stored;
  if (nextOffset < low) {
    throw changed(log, `${nextOffset} was to be read next, but the log now begins at offset ${low}`);
  }
  const bookmark = decodeBookmark(stored.bookmark);
  const segmentIndex = log.segments.findIndex(({ baseOffset }) => baseOffset === bookmark?.segment);
  const marked = log.segments[segmentIndex];
  // The segment may be gone by retention while what comes next is still there.
  if (bookmark === null || marked === undefined) return walkFrom(log, nextOffset);
  if (!(await holds(marked, bookmark, nextOffset))) {
    throw changed(
      log,
      `${marked.path} no longer holds at byte ${bookmark.byte} the batch consumed before ${nextOffset}`,
    );
  }
  return { segmentIndex, byte: bookmark.byte, base: bookmark.base, nextOffset };
}

/** The error for a log that is not the one consumed so far. */
export function changed(log: LogFolder, what: string): TidemarkError {
  const name = `${log.identity.topic}-${log.identity.partition}`;
  const remedy = 'bring the log back as it was, or rebuild the store from what is there';
  return new TidemarkError('SOURCE_CHANGED', `the log ${name} in ${log.path} has changed: ${what}; ${remedy}`);
}

function walkFrom(log: LogFolder, nextOffset: number): LogStart {
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
