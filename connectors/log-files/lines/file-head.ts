import { createHash, type Hash } from 'node:crypto';
import type { FileContent } from './file-content.ts';
import { isCompleteJson } from './last-line.ts';
import { byteOrderMarkBytes, lineEnd, lineValue } from './lines.ts';

const HEAD_BYTES = 64 * 1024;
const LF = 0x0a;

/** How a file begins, unpacked: what it is known by. */
export class FileHead {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /**
   * How many bytes name a file that is read for the first time: all that will be consumed now, so a torn last line is
   * left out, up to 64 KiB. However batches are cut, the name is the same.
   */
  get namedBy(): number {
    if (this.#bytes.length === HEAD_BYTES) return HEAD_BYTES;
    const from = this.#bytes.lastIndexOf(LF) + 1;
    const last = lineValue(this.#bytes, from || byteOrderMarkBytes(this.#bytes), this.#bytes.length);
    return last !== null && isCompleteJson(last) ? this.#bytes.length : from;
  }

  /** The topic that the first `length` bytes give; all there are where the file is shorter. */
  topic(length: number): string {
    return topicOf(createHash('sha256').update(this.#bytes.subarray(0, length)));
  }

  /** Hash of the start up to the end of the first record, without its line end; empty when no record is in sight. */
  first(): string {
    for (let at = byteOrderMarkBytes(this.#bytes); at < this.#bytes.length; ) {
      const end = lineEnd(this.#bytes, at);
      const value = lineValue(this.#bytes, at, end);
      if (value !== null) return shortHash(createHash('sha256').update(this.#bytes.subarray(0, at + value.length)));
      at = end;
    }
    return '';
  }

  /**
   * How many bytes give the topic, for a position that came without a bookmark; null when it is another file. A file was
   * named by whole lines, of which the last may have been without its end then, or by all that is looked at.
   */
  lengthNamed(topic: string): number | null {
    const hash = createHash('sha256');
    let hashed = 0;
    for (const length of this.#lengths()) {
      hash.update(this.#bytes.subarray(hashed, length));
      hashed = length;
      if (topicOf(hash.copy()) === topic) return length;
    }
    return null;
  }

  *#lengths(): Generator<number> {
    let last = 0;
    for (let end = this.#bytes.indexOf(LF); end >= 0; end = this.#bytes.indexOf(LF, end + 1)) {
      yield* [end - 1, end, end + 1].filter(length => length > last);
      last = end + 1;
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

function topicOf(hash: Hash): string {
  return `file-${shortHash(hash)}`;
}

function shortHash(hash: Hash): string {
  return hash.digest('hex').slice(0, 16);
}
