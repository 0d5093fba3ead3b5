import type { FileHandle } from 'node:fs/promises';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { readAt } from '../../disk.ts';
import { batchHeaderBytes, batchMagic, claimedLength, readBatch, type StoredBatch } from './batch-format.ts';

const WINDOW_BYTES = 2 * 1024 * 1024;
const EMPTY = Buffer.alloc(0);

interface SegmentStart {
  readonly handle: FileHandle;
  /** How many bytes of the file are read; bytes that a writer appends later are not. */
  readonly size: number;
  /** Position in the file of the first batch to read. */
  readonly at: number;
  /** Offset of the first record of that batch. */
  readonly nextOffset: number;
  /** How many bytes are read from the disk at a time. */
  readonly windowBytes?: number;
}

/** The error for a damaged segment file. `position` is that of the first byte of the bad batch. */
export function damaged(file: string, position: number, why: string): TidemarkError {
  const remedy = 'nothing after it was read; restore the file from a copy';
  return new TidemarkError('SOURCE_CORRUPT', `${file} is damaged at byte ${position}: ${why}; ${remedy}`);
}

/** Reads the batches of one segment in order and checks each. Never changes the file. */
export class SegmentReader {
  /** Position in the file of the next batch, which is the end of the last good one. */
  at: number;
  /** The offset that the next batch must begin with. */
  nextOffset: number;
  readonly #handle: FileHandle;
  readonly #size: number;
  readonly #windowBytes: number;
  // A window is never overwritten: returned batches point into it.
  #window: Buffer = EMPTY;
  #windowAt: number;
  #ahead: WindowAhead | null = null;

  constructor({ handle, size, at, nextOffset, windowBytes = WINDOW_BYTES }: SegmentStart) {
    this.#handle = handle;
    this.#size = size;
    this.#windowBytes = windowBytes;
    this.at = at;
    this.#windowAt = at;
    this.nextOffset = nextOffset;
  }

  /** True when all bytes were good batches; false after `next` returned null because of a bad batch. */
  get isAtEnd(): boolean {
    return this.at >= this.#size;
  }

  /** The next batch; null at the end of the segment and at a batch that is incomplete, damaged or has another offset. */
  async next(): Promise<StoredBatch | null> {
    if (this.isAtEnd) return null;
    if (this.at - this.#windowAt + batchHeaderBytes > this.#window.length) await this.#load(this.#windowBytes);
    const length = claimedLength(this.#window, this.at - this.#windowAt);
    if (length === null || length > this.#size - this.at) return null;
    if (this.at - this.#windowAt + length > this.#window.length) await this.#load(Math.max(this.#windowBytes, length));
    const batch = readBatch(this.#window, this.at - this.#windowAt);
    if (batch === null || batch.baseOffset !== this.nextOffset) return null;
    this.at += batch.length;
    this.nextOffset += batch.count;
    return batch;
  }

  /**
   * Position of a good batch of this log after the bad one; null when there is none. A batch is written only after the
   * batch before it was synced, so a crash leaves no good batch after an incomplete one: a good batch there means damage.
   */
  async goodBatchAfter(): Promise<number | null> {
    let at = this.at + 1;
    while (at < this.#size) {
      const window = await readAt(this.#handle, at, Math.min(WINDOW_BYTES, this.#size - at));
      for (let found = window.indexOf(batchMagic); found >= 0; found = window.indexOf(batchMagic, found + 1)) {
        if (await this.#isGood(at + found)) return at + found;
      }
      if (window.length < WINDOW_BYTES) return null;
      // The magic bytes may lie across the border of two windows.
      at += window.length - batchMagic.length + 1;
    }
    return null;
  }

  async #isGood(at: number): Promise<boolean> {
    const length = claimedLength(await readAt(this.#handle, at, batchHeaderBytes), 0);
    if (length === null || length > this.#size - at) return false;
    const batch = readBatch(await readAt(this.#handle, at, length), 0);
    // A record may contain a copy of an older batch of this log; such a copy has a lower offset.
    return batch !== null && batch.baseOffset > this.nextOffset;
  }

  async #load(bytes: number): Promise<void> {
    const ahead =
      this.#ahead?.at === this.at && this.#ahead.bytes >= bytes ? this.#ahead : this.#startReading(this.at, bytes);
    const isFirst = this.#window === EMPTY;
    this.#window = await ahead.window;
    this.#windowAt = this.at;
    const next = this.at + wholeBatches(this.#window);
    // The next window is read while this one is decoded, but not after the first window, which may be all that is needed.
    this.#ahead = isFirst || next >= this.#size ? null : this.#startReading(next, this.#windowBytes);
  }

  #startReading(at: number, bytes: number): WindowAhead {
    const window = readAt(this.#handle, at, Math.min(bytes, this.#size - at));
    // It is awaited later, or never; meanwhile its failure must not count as an unhandled rejection.
    window.catch(() => undefined);
    return { at, bytes, window };
  }
}

interface WindowAhead {
  readonly at: number;
  readonly bytes: number;
  readonly window: Promise<Buffer>;
}

/** Where the last complete batch in the window ends, judged by the unchecked lengths in the batch headers. */
function wholeBatches(window: Buffer): number {
  for (let at = 0; ; ) {
    const length = claimedLength(window, at);
    if (length === null || length < batchHeaderBytes || at + length > window.length) return at;
    at += length;
  }
}
