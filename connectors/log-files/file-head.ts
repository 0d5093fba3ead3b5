import { createHash } from 'node:crypto';
import type { FileContent } from './file-content.ts';
import { byteOrderMarkBytes, lineEnd, lineValue } from './lines.ts';

const HEAD_BYTES = 64 * 1024;

/** How a file begins, unpacked: what it is known by. */
export class FileHead {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** How many of `consumed` bytes name the file. Never more than was consumed: what was not may still be written anew. */
  lengthFor(consumed: number): number {
    return Math.min(consumed, this.#bytes.length);
  }

  /** The topic that the first `length` bytes give; null when the file is shorter. */
  topic(length: number): string | null {
    return length > this.#bytes.length ? null : `file-${shortHash(this.#bytes.subarray(0, length))}`;
  }

  /** Hash of the start up to the end of the first record, without its line end; null when no record is in sight. */
  first(): string | null {
    for (let at = byteOrderMarkBytes(this.#bytes); at < this.#bytes.length; ) {
      const end = lineEnd(this.#bytes, at);
      const value = lineValue(this.#bytes, at, end);
      if (value !== null) return shortHash(this.#bytes.subarray(0, at + value.length));
      at = end;
    }
    return null;
  }

  /** Lengths for which a position without a bookmark may have been named: line ends, with and without them, and all. */
  *lengths(): Generator<number> {
    for (let end = this.#bytes.indexOf(0x0a); end >= 0; end = this.#bytes.indexOf(0x0a, end + 1)) {
      yield* [end - 1, end, end + 1].filter(length => length > 0);
    }
    yield this.#bytes.length;
  }
}

/** Reads how a file begins. A file that breaks off before is no failure here: reading on will meet it again. */
export async function readHead(content: FileContent): Promise<FileHead> {
  const pieces: Buffer[] = [];
  let held = 0;
  try {
    for await (const chunk of content.chunks()) {
      pieces.push(chunk);
      held += chunk.length;
      if (held >= HEAD_BYTES) break;
    }
  } catch {
    // What was unpacked before the failure still names the file.
  }
  return new FileHead(Buffer.concat(pieces).subarray(0, HEAD_BYTES));
}

function shortHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}
