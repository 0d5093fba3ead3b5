import { createHash, type Hash } from 'node:crypto';
import type { FileContent } from './file-content.ts';
import { byteOrderMarkBytes, isCompleteJson, lineEnd, lineValue } from './lines.ts';

const HEAD_BYTES = 64 * 1024;
const LF = 0x0a;

/** The first 64 KiB of a file, unpacked. They identify the file. */
export class FileHead {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /**
   * The topic of a new file is a hash of its first bytes. Returns how many: all that this run will consume, up to 64 KiB,
   * without an incomplete last line. The number does not depend on where batches are cut.
   */
  get topicBytes(): number {
    if (this.#bytes.length === HEAD_BYTES) return HEAD_BYTES;
    const from = this.#bytes.lastIndexOf(LF) + 1;
    const last = lineValue(this.#bytes, from || byteOrderMarkBytes(this.#bytes), this.#bytes.length);
    return last !== null && isCompleteJson(last) ? this.#bytes.length : from;
  }

  /** The topic: a hash of the first `length` bytes, or of all bytes when the file is shorter. */
  topic(length: number): string {
    return topicOf(createHash('sha256').update(this.#bytes.subarray(0, length)));
  }

  /** Hash of the start up to the end of the first record, without its line end; empty when the head holds no record. */
  firstRecordHash(): string {
    for (let at = byteOrderMarkBytes(this.#bytes); at < this.#bytes.length; ) {
      const end = lineEnd(this.#bytes, at);
      const value = lineValue(this.#bytes, at, end);
      if (value !== null) return shortHash(createHash('sha256').update(this.#bytes.subarray(0, at + value.length)));
      at = end;
    }
    return '';
  }

  /**
   * Finds how many bytes from the start have the hash `topic`; null when `topic` belongs to another file. For a position
   * without a bookmark. It tries each length that ends with a line, with or without its line end, and the whole head.
   */
  topicBytesOf(topic: string): number | null {
    const hash = createHash('sha256');
    let hashed = 0;
    for (const length of this.#possibleLengths()) {
      hash.update(this.#bytes.subarray(hashed, length));
      hashed = length;
      if (topicOf(hash.copy()) === topic) return length;
    }
    return null;
  }

  *#possibleLengths(): Generator<number> {
    let last = 0;
    for (let end = this.#bytes.indexOf(LF); end >= 0; end = this.#bytes.indexOf(LF, end + 1)) {
      yield* [end - 1, end, end + 1].filter(length => length > last);
      last = end + 1;
    }
    yield this.#bytes.length;
  }
}

/** Reads the first 64 KiB of a file. Does not throw when they cannot be unpacked; reading the lines later throws. */
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
    // The bytes that were unpacked before the failure still identify the file.
  }
  return new FileHead(Buffer.concat(pieces).subarray(0, HEAD_BYTES));
}

function topicOf(hash: Hash): string {
  return `file-${shortHash(hash)}`;
}

function shortHash(hash: Hash): string {
  return hash.digest('hex').slice(0, 16);
}
