import { type FileHandle, open } from 'node:fs/promises';
import { hasSystemCode } from '../../../pipeline/errors.ts';
import type { StoredBatch } from './batch-format.ts';
import type { LogFolder, Segment } from './log-folder.ts';
import { changedLog, type LogStart } from './log-start.ts';
import { damaged, SegmentReader } from './segment-reader.ts';

/** A stored batch and where it is in the log. */
export interface PlacedBatch {
  readonly batch: StoredBatch;
  /** Base offset of its segment. */
  readonly segment: number;
  /** Position in the segment file. */
  readonly byte: number;
}

/**
 * The batches of a log from `start` to the end that it had when it was listed. Stops before an incomplete batch at the end
 * of the log, which a crash left or a writer is just writing. Throws `SOURCE_CORRUPT` with file and byte for any other bad
 * batch and for a missing segment, `SOURCE_CHANGED` when the log ends before `start.nextOffset`.
 */
export async function* readLogBatches(log: LogFolder, start: LogStart): AsyncGenerator<PlacedBatch> {
  let end = start.base;
  for (const [index, segment] of log.segments.entries()) {
    if (index < start.segmentIndex) continue;
    const isLast = index === log.segments.length - 1;
    if (segment.baseOffset !== end && index > start.segmentIndex) {
      throw damaged(
        segment.path,
        0,
        `it begins with offset ${segment.baseOffset}, but the segment before it ends at offset ${end}`,
      );
    }
    const at = index === start.segmentIndex ? start.byte : 0;
    end = yield* readSegment({ segment, isLast, at, nextOffset: end });
  }
  if (end < start.nextOffset) {
    throw changedLog(log, `the next offset to read is ${start.nextOffset}, but the log now ends at offset ${end}`);
  }
}

interface SegmentPart {
  readonly segment: Segment;
  readonly isLast: boolean;
  readonly at: number;
  readonly nextOffset: number;
}

async function* readSegment(part: SegmentPart): AsyncGenerator<PlacedBatch, number> {
  const { segment, isLast, at, nextOffset } = part;
  const handle = await open(segment.path, 'r');
  try {
    if (isLast) await makeDurable(handle);
    const reader = new SegmentReader({ handle, size: segment.size, at, nextOffset });
    for (;;) {
      const byte = reader.at;
      const batch = await reader.next();
      if (batch === null) break;
      yield { batch, segment: segment.baseOffset, byte };
    }
    if (!reader.isAtEnd) await checkIncomplete(reader, segment, isLast);
    return reader.nextOffset;
  } finally {
    await handle.close();
  }
}

/** Throws `SOURCE_CORRUPT` unless the bad batch is one that a crash or a writer left incomplete at the end of the log. */
async function checkIncomplete(reader: SegmentReader, segment: Segment, isLast: boolean): Promise<void> {
  if (!isLast) throw damaged(segment.path, reader.at, 'the batch there cannot be read, and more segments follow');
  const after = await reader.goodBatchAfter();
  if (after !== null)
    throw damaged(segment.path, reader.at, `the batch there cannot be read, and a good one follows at byte ${after}`);
}

/**
 * Syncs the segment before it is read. Otherwise a power cut could remove records that a writer has not synced, after their
 * offsets were stored; the writer would then append other records with the same offsets.
 */
async function makeDurable(handle: FileHandle): Promise<void> {
  try {
    await handle.datasync();
  } catch (error) {
    // A read-only disk has no writer, so there is nothing to sync.
    if (!hasSystemCode(error, 'EROFS', 'EINVAL', 'ENOTSUP', 'EBADF')) throw error;
  }
}
