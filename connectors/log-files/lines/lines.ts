/** How bytes are cut into lines, for files and standard input alike. */
import { TidemarkError } from '../../../pipeline/errors.ts';

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * The longest allowed line in bytes, without its line end. A line must be in memory completely to become a record. A longer
 * one stops reading with `SOURCE_CORRUPT`: it is probably in a file without line ends, which is not NDJSON.
 */
export const maxLineBytes = 64 * 1024 * 1024;

/** Cuts a stream of chunks into blocks of whole lines. Copies only lines that cross the border of two chunks. */
export class LineBlocks {
  readonly #describe: () => string;
  #pieces: Uint8Array[] = [];
  #held = 0;

  /** `describe` names the next line, for the error about a line that is too long. */
  constructor(describe: () => string) {
    this.#describe = describe;
  }

  /** Yields blocks that end with LF. Throws `SOURCE_CORRUPT` for a line longer than `maxLineBytes`. */
  *push(chunk: Buffer): Generator<Buffer> {
    if (chunk.length === 0) return;
    const last = chunk.lastIndexOf(LF) + 1;
    if (last === 0) return this.#hold(chunk);
    let from = 0;
    if (this.#held > 0) {
      from = chunk.indexOf(LF) + 1;
      this.#hold(chunk.subarray(0, from));
      yield this.takeRest();
    }
    if (last > from) yield chunk.subarray(from, last);
    if (last < chunk.length) this.#hold(chunk.subarray(last));
  }

  /** Returns and removes the bytes after the last LF. */
  takeRest(): Buffer {
    const [only] = this.#pieces;
    const rest = this.#pieces.length === 1 && Buffer.isBuffer(only) ? only : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#held = 0;
    return rest;
  }

  #hold(piece: Buffer): void {
    this.#held += piece.length;
    // The line end (CR LF) does not count.
    if (this.#held > maxLineBytes + 2) {
      const allowed = `lines of up to ${maxLineBytes} bytes are allowed`;
      throw new TidemarkError('SOURCE_CORRUPT', `${this.#describe()} is too long; ${allowed}`);
    }
    this.#pieces.push(piece);
  }
}

/** The position after the line that begins at `from`; the end of the block for a last line without LF. */
export function lineEnd(block: Buffer, from: number): number {
  const at = block.indexOf(LF, from);
  return at < 0 ? block.length : at + 1;
}

/** The line in `[from, end)` without its LF and the CR before it; null when it is only white space, and so no record. */
export function lineValue(block: Buffer, from: number, end: number): Buffer | null {
  let to = end;
  if (to > from && block[to - 1] === LF) to -= 1;
  if (to > from && block[to - 1] === CR) to -= 1;
  for (let at = from; at < to; at += 1) {
    if (!isSpace(block[at] ?? 0)) return block.subarray(from, to);
  }
  return null;
}

/** Length in bytes of the byte-order mark at the start of a file; 0 without one. */
export function byteOrderMarkBytes(start: Buffer): number {
  return start.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
}

/** True when the bytes are one complete JSON text. If a last line without LF is not, its writer may not have finished it. */
export function isCompleteJson(line: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line));
    return true;
  } catch {
    return false;
  }
}

/** ASCII white space, including vertical tab and form feed. */
function isSpace(byte: number): boolean {
  return byte === SPACE || (byte >= 0x09 && byte <= CR);
}
