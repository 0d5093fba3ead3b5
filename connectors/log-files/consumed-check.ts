import type { Hash } from 'node:crypto';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { StoredPosition } from '../../pipeline/ports.ts';
import type { FileBookmark } from './file-bookmark.ts';
import { lineEnd } from './lines.ts';

const CR = 0x0d;

export interface ConsumedPart {
  readonly path: string;
  readonly position: StoredPosition | undefined;
  readonly bookmark: FileBookmark | null;
  /** Takes in the consumed bytes, and is then ready for those that follow. */
  readonly hash: Hash;
}

/** Goes through what was consumed of a file before, and throws `SOURCE_CHANGED` when it is not what it was. */
export class ConsumedCheck {
  readonly #part: ConsumedPart;
  #unchecked: number;
  #isLineOpen: boolean;
  #lastByte = 0;

  constructor(part: ConsumedPart) {
    this.#part = part;
    this.#unchecked = part.bookmark?.bytes ?? 0;
    this.#isLineOpen = part.bookmark?.isLineOpen ?? false;
  }

  /** The part of the chunk that was not consumed before. */
  pass(chunk: Buffer): Buffer {
    if (this.#unchecked === 0) return chunk;
    const consumed = chunk.subarray(0, this.#unchecked);
    this.#part.hash.update(consumed);
    this.#unchecked -= consumed.length;
    this.#lastByte = consumed.at(-1) ?? 0;
    if (this.#unchecked === 0 && this.#part.hash.copy().digest('hex') !== this.#part.bookmark?.sha256) {
      throw this.#changed('is not the same any more');
    }
    return chunk.subarray(consumed.length);
  }

  /**
   * How many bytes at the start of the first unconsumed line only end the line consumed last: its LF, or CR LF. The line
   * was whole when it was taken; one that goes on with anything else is another line.
   */
  lineEndBytes(block: Buffer): number {
    if (!this.#isLineOpen || block.length === 0) return 0;
    const end = block.toString('latin1', 0, Math.min(lineEnd(block, 0), 3));
    const isEnd = end === '\n' || (end === '\r\n' && this.#lastByte !== CR);
    if (!isEnd && (end !== '\r' || this.#lastByte === CR)) {
      throw this.#changed('ended in a line without line feed, and that line has grown since');
    }
    this.#isLineOpen = !isEnd;
    return end.length;
  }

  /** To be called at the end of the file. `lines` = lines in it. */
  finish(lines: number): void {
    if (this.#unchecked > 0) throw this.#changed(`was longer: ${this.#unchecked} of its bytes are gone`);
    const { position } = this.#part;
    if (position !== undefined && lines < position.nextOffset) throw this.#changed(`had more lines than its ${lines}`);
  }

  #changed(how: string): TidemarkError {
    const { path, position, bookmark } = this.#part;
    const consumed = bookmark === null ? `${position?.nextOffset} lines` : `${bookmark.bytes} bytes (unpacked)`;
    const what = `the part of ${path} that was consumed, its first ${consumed} read as ${position?.origin}, ${how}`;
    const remedy = 'bring that part back as it was, or load the changed file into a new store';
    const other = 'a different file which only has the same first line can be read through standard input';
    return new TidemarkError('SOURCE_CHANGED', `${what}; ${remedy}; ${other}`);
  }
}
