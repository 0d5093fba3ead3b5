import { write } from 'node:fs';
import { hasSystemCode } from '../../pipeline/errors.ts';
import { within } from '../../pipeline/waiting.ts';

/** At most so many bytes of lines wait to be written; further ones are dropped. */
const mostWaitingBytes = 1 << 20;
/** The pause before a full pipe is tried again. */
const fullPipeMs = 50;
const lineFeed = 0x0a;

/**
 * Writes lines to a file descriptor and never waits for it: a service must not stop because nobody reads its log, or because
 * the disk is full or hangs. Lines that cannot be written are dropped and counted. It writes on a thread of libuv's pool,
 * and not through `process.stdout`, whose writes to files and terminals block, and which gives up after the first error.
 */
export class LogOutput {
  readonly #descriptor: number;
  readonly #onGap: (lines: number) => void;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | null = null;
  #dropped = 0;
  /** How many of the dropped lines are not reported yet. */
  #unreported = 0;
  /** True when the last write ended inside of a line, which the next one must end. */
  #isInLine = false;

  /** `onGap` is called when a line could be written again, with the number of lines that were dropped before it. */
  constructor(descriptor: number, onGap: (lines: number) => void) {
    this.#descriptor = descriptor;
    this.#onGap = onGap;
  }

  /** How many lines could not be written so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes a line with its line end; returns at once. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#waitingBytes + bytes.length > mostWaitingBytes) {
      this.#drop(1);
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#writing ??= this.#writeWaiting();
  }

  /** Resolves when no line waits any more, at the latest after so many milliseconds. */
  async flush(milliseconds: number): Promise<void> {
    await within(milliseconds, this.#writing ?? Promise.resolve());
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      this.#waiting = [];
      await this.#writeLines(lines);
      this.#waitingBytes -= lines.reduce((sum, { length }) => sum + length, 0);
    }
    this.#writing = null;
  }

  async #writeLines(lines: readonly Buffer[]): Promise<void> {
    const start = Buffer.from(this.#isInLine ? '\n' : '');
    const bytes = Buffer.concat([start, ...lines]);
    const written = await this.#writeAll(bytes);
    if (written > 0) this.#isInLine = bytes[written - 1] !== lineFeed;
    if (written < bytes.length) {
      const whole = bytes.subarray(start.length, written).filter(byte => byte === lineFeed).length;
      this.#drop(lines.length - whole);
    } else if (this.#unreported > 0) {
      const unreported = this.#unreported;
      this.#unreported = 0;
      this.#onGap(unreported);
    }
  }

  /** Returns how many bytes were written until an error. A pipe that is full is waited for. */
  async #writeAll(bytes: Buffer): Promise<number> {
    for (let written = 0; ; ) {
      if (written === bytes.length) return written;
      const result = await writeOnce(this.#descriptor, bytes.subarray(written));
      if (typeof result === 'number') written += result;
      else if (hasSystemCode(result, 'EAGAIN')) await new Promise(resolve => setTimeout(resolve, fullPipeMs).unref());
      else return written;
    }
  }

  #drop(lines: number): void {
    this.#dropped += lines;
    this.#unreported += lines;
  }
}

function writeOnce(descriptor: number, bytes: Buffer): Promise<number | Error> {
  return new Promise(resolve => write(descriptor, bytes, (error, written) => resolve(error ?? written)));
}
