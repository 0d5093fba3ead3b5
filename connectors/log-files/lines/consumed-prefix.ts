import type { Hash } from 'node:crypto';
import { changedFile, type FileBookmark, unpackedBytes } from './file-bookmark.ts';

const LF = 0x0a;
const CR = 0x0d;

interface PrefixSettings {
  readonly path: string;
  /** The path under which it was consumed last. */
  readonly origin: string;
  /** The bookmark of the last run; null when nothing was consumed before. */
  readonly consumed: FileBookmark | null;
  /** Updated with the consumed bytes. */
  readonly hash: Hash;
}

/** Skips the consumed part of a file. Throws `SOURCE_CHANGED` when that part is not the same any more. */
export class ConsumedPrefix {
  readonly #settings: PrefixSettings;
  #left: number;
  #lastByte = LF;

  constructor(settings: PrefixSettings) {
    this.#settings = settings;
    this.#left = settings.consumed?.bytes ?? 0;
  }

  /** Takes the file's bytes in order, and returns those that were not consumed. */
  skip(chunk: Buffer): Buffer {
    if (this.#left === 0) return chunk;
    const old = chunk.subarray(0, this.#left);
    this.#settings.hash.update(old);
    this.#left -= old.length;
    this.#lastByte = old.at(-1) ?? this.#lastByte;
    if (this.#left === 0) this.#compare();
    return chunk.subarray(old.length);
  }

  /**
   * The last consumed line may have had no line end yet. Returns how many bytes of `next` (the next whole line, or the rest
   * of the file) are its line end. Throws `SOURCE_CHANGED` when other bytes follow: the line is then another one than the
   * record that was stored.
   */
  lineEndBytes(next: Buffer): number {
    if (this.#lastByte === LF) return 0;
    const bytes = next[0] === CR ? 2 : 1;
    const isEnded = next.length === 0 || next[bytes - 1] === LF || (next.length === 1 && next[0] === CR);
    if (!isEnded) throw this.#changed('its last line, which had no line end, is longer now');
    this.#lastByte = LF;
    return Math.min(bytes, next.length);
  }

  /** To be called at the end of the file. Throws `SOURCE_CHANGED` when the file is shorter than its consumed part. */
  finish(): void {
    if (this.#left > 0) throw this.#changed(`it is now ${this.#left} bytes shorter than that`);
  }

  #compare(): void {
    if (this.#settings.hash.copy().digest('hex') === this.#settings.consumed?.sha256) return;
    throw this.#changed('these bytes are not the same any more');
  }

  #changed(difference: string): Error {
    const { path, origin, consumed } = this.#settings;
    return changedFile({ path, origin, consumed: unpackedBytes(consumed?.bytes ?? 0) }, difference);
  }
}
