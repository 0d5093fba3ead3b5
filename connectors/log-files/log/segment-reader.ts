import type { FileHandle } from 'node:fs/promises';
import { readAt } from '../../disk.ts';
import { batchHeaderBytes, batchMagic, claimedLength, readBatch, type StoredBatch } from './batch-format.ts';

const WINDOW_BYTES = 2 * 1024 * 1024;
const EMPTY = Buffer.alloc(0);

interface SegmentStart {
  readonly handle: FileHandle;
  /** Bytes of the file that count; what a writer adds meanwhile is for the next reader. */
  readonly size: number;
  /** Where the first batch to read begins, and its offset. */
  readonly at: number;
  readonly nextOffset: number;
  /** Bytes read ahead at a time. */
  readonly windowBytes?: number;
}

/** Reads the batches of one segment in order, checking each. Never changes the file. */
export class SegmentReader {
  /** Position in the file of the batch that comes next: after the last good one. */
  at: number;
  /** Offset the next batch must begin with. */
  nextOffset: number;
  readonly #handle: FileHandle;
  readonly #size: number;
  readonly #windowBytes: number;
  // A window is never written again once read, so batches handed out may point into it.
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

  /** True once every byte was a good batch; false after `next` gave null because of a bad one. */
  get isAtEnd(): boolean {
    return this.at >= this.#size;
  }

  /** The next batch; null at the end, or where no whole good batch with the expected offset lies. */
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
   * Position of a good batch of this log behind the bad one, null when there is none. A batch is written only after
   * the one before it was fsynced, so a crash leaves nothing good behind a torn batch: finding one means damage.
   */
  async goodBatchBehind(): Promise<number | null> {
    let at = this.at + 1;
    while (at < this.#size) {
      const window = await readAt(this.#handle, at, Math.min(WINDOW_BYTES, this.#size - at));
      for (let found = window.indexOf(batchMagic); found >= 0; found = window.indexOf(batchMagic, found + 1)) {
        if (await this.#isGood(at + found)) return at + found;
      }
      if (window.length < WINDOW_BYTES) return null;
      // The magic may lie across the border of two windows.
      at += window.length - batchMagic.length + 1;
    }
    return null;
  }

  async #isGood(at: number): Promise<boolean> {
    const length = claimedLength(await readAt(this.#handle, at, batchHeaderBytes), 0);
    if (length === null || length > this.#size - at) return false;
    const batch = readBatch(await readAt(this.#handle, at, length), 0);
    // A record may hold the copy of an older batch of this very log; its offset gives it away.
    return batch !== null && batch.baseOffset > this.nextOffset;
  }

  async #load(bytes: number): Promise<void> {
    const ahead =
      this.#ahead?.at === this.at && this.#ahead.bytes >= bytes ? this.#ahead : this.#startReading(this.at, bytes);
    const isFirst = this.#window === EMPTY;
    this.#window = await ahead.window;
    this.#windowAt = this.at;
    const next = this.at + wholeBatches(this.#window);
    // The disk reads on while this window is decoded; not yet after the first, which may be all that is asked for.
    this.#ahead = isFirst || next >= this.#size ? null : this.#startReading(next, this.#windowBytes);
  }

  #startReading(at: number, bytes: number): WindowAhead {
    const window = readAt(this.#handle, at, Math.min(bytes, this.#size - at));
    // Awaited when its turn comes, if it comes at all; until then a failure must not count as unhandled.
    window.catch(() => undefined);
    return { at, bytes, window };
  }
}

interface WindowAhead {
  readonly at: number;
  readonly bytes: number;
  readonly window: Promise<Buffer>;
}

/** Where the batches that lie in the window whole seem to end; a guess, as nothing is checked. */
function wholeBatches(window: Buffer): number {
  for (let at = 0; ; ) {
    const length = claimedLength(window, at);
    if (length === null || length < batchHeaderBytes || at + length > window.length) return at;
    at += length;
  }
}
