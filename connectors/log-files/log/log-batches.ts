import { type FileHandle, open } from 'node:fs/promises';
import { hasSystemCode } from '../../../pipeline/errors.ts';
import type { StoredBatch } from './batch-format.ts';
import { damaged } from './damage.ts';
import type { LogFolder, Segment } from './log-folder.ts';
import { changed, type LogStart } from './log-start.ts';
import { SegmentReader } from './segment-reader.ts';

/** A stored batch and where it lies. */
export interface PlacedBatch {
  readonly batch: StoredBatch;
  readonly segment: number;
  readonly byte: number;
}

/**
 * The batches of a log from `start` to the end it had when it was listed. Stops before a torn batch at the very end,
 * which a crash left or a writer is in the middle of. Throws `SOURCE_CORRUPT` naming file and byte for anything else
 * that is no good batch or for a missing segment, `SOURCE_CHANGED` when the log ends before `start.nextOffset`.
 */
export async function* readLogBatches(log: LogFolder, start: LogStart): AsyncGenerator<PlacedBatch> {
  let end = start.base;
  for (const [index, segment] of log.segments.entries()) {
    if (index < start.segmentIndex) continue;
    const isLast = index === log.segments.length - 1;
    if (segment.baseOffset !== end && index > start.segmentIndex) {
      throw damaged(segment.path, 0, `it begins with offset ${segment.baseOffset}, but ${end} comes next`);
    }
    const at = index === start.segmentIndex ? start.byte : 0;
    end = yield* readSegment({ segment, isLast, at, nextOffset: end });
  }
  if (end < start.nextOffset) {
    throw changed(log, `${start.nextOffset} was to be read next, but the log now ends before offset ${end}`);
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
    if (!reader.isAtEnd) await judgeBadBatch(reader, segment, isLast);
    return reader.nextOffset;
  } finally {
    await handle.close();
  }
}

async function judgeBadBatch(reader: SegmentReader, segment: Segment, isLast: boolean): Promise<void> {
  if (!isLast) throw damaged(segment.path, reader.at, 'no good batch is there, and more segments follow');
  const behind = await reader.goodBatchBehind();
  if (behind !== null)
    throw damaged(segment.path, reader.at, `no good batch is there, and one follows at byte ${behind}`);
}

/** What a writer has not yet fsynced could be gone after a power cut, and others appended under its offsets. */
async function makeDurable(handle: FileHandle): Promise<void> {
  try {
    await handle.datasync();
  } catch (error) {
    // On a read-only disk nobody is writing.
    if (!hasSystemCode(error, 'EROFS', 'EINVAL', 'ENOTSUP', 'EBADF')) throw error;
  }
}
