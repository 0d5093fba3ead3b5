import type { Hash } from 'node:crypto';
import { changedFile } from './changed-file.ts';
import type { FileBookmark } from './file-bookmark.ts';

const LF = 0x0a;
const CR = 0x0d;

interface PrefixSettings {
  readonly path: string;
  /** What was consumed; null for nothing. */
  readonly consumed: FileBookmark | null;
  /** Takes in the bytes that were consumed. */
  readonly hash: Hash;
}

/** Passes over the part of a file that was consumed, and throws `SOURCE_CHANGED` unless it is what it was. */
export class ConsumedPrefix {
  readonly #settings: PrefixSettings;
  #left: number;
  #lastByte = LF;

  constructor(settings: PrefixSettings) {
    this.#settings = settings;
    this.#left = settings.consumed?.bytes ?? 0;
  }

  /** Takes the file's bytes in order; gives those that were not consumed. */
  pass(chunk: Buffer): Buffer {
    if (this.#left === 0) return chunk;
    const old = chunk.subarray(0, this.#left);
    this.#settings.hash.update(old);
    this.#left -= old.length;
    this.#lastByte = old.at(-1) ?? this.#lastByte;
    if (this.#left === 0) this.#compare();
    return chunk.subarray(old.length);
  }

  /**
   * How many bytes of what follows (a whole line, or the end of the file) only end a line that was consumed before its
   * line end was there. Any other continuation would change a record that is already applied.
   */
  lineEndBytes(next: Buffer): number {
    if (this.#lastByte === LF) return 0;
    const bytes = next[0] === CR ? 2 : 1;
    const isEnded = next.length === 0 || next[bytes - 1] === LF || (next.length === 1 && next[0] === CR);
    if (!isEnded) throw this.#changed('its last line, which had no line end yet, was continued');
    this.#lastByte = LF;
    return Math.min(bytes, next.length);
  }

  /** To be called at the end of the file. */
  finish(): void {
    if (this.#left > 0) throw this.#changed(`it is now ${this.#left} bytes shorter than that`);
  }

  #compare(): void {
    if (this.#settings.hash.copy().digest('hex') === this.#settings.consumed?.sha256) return;
    throw this.#changed('they are no longer the same');
  }

  #changed(what: string): Error {
    return changedFile(this.#settings.path, this.#settings.consumed?.bytes ?? 0, what);
  }
}
