import type { Hash } from 'node:crypto';
import type { BatchLimits, LogHeader, LogRecord, RecordBatch } from '../../../pipeline/ports.ts';
import { changedFile } from './changed-file.ts';
import { encodeFileBookmark } from './file-bookmark.ts';
import type { FileStart } from './file-start.ts';
import { byteOrderMarkBytes, lineEnd, lineValue } from './lines.ts';

const noHeaders: readonly LogHeader[] = [];

interface ConsumedSettings {
  readonly origin: string;
  readonly limits: BatchLimits;
  readonly start: FileStart;
  /** Has taken in, or will have before the first line, the bytes that were consumed. */
  readonly hash: Hash;
  /** Bytes of the file on disk which gave `unpacked` bytes. */
  diskBytes(unpacked: number): number;
}

/** Makes batches of blocks of whole lines, and knows at each batch's end what was consumed up to there. */
export class ConsumedLines {
  /** Zero-based number of the line that comes next. */
  nextLine: number;
  readonly #settings: ConsumedSettings;
  #bytes: number;
  #hashedOfBlock = 0;
  #records: LogRecord[] = [];
  #recordBytes = 0;
  #diskBytesTold = 0;
  /** Where the batch that is being gathered went on from. */
  #from: number;

  constructor(settings: ConsumedSettings) {
    const { consumed } = settings.start;
    this.#settings = settings;
    this.nextLine = consumed?.lines ?? 0;
    this.#bytes = consumed?.bytes ?? 0;
    this.#from = settings.start.nextOffset;
  }

  /**
   * Takes a block of whole lines (at the end of the file also a last one without LF) and gives the batches that became
   * full. The first `lineEndBytes` of it belong to the line before.
   */
  *add(block: Buffer, lineEndBytes: number): Generator<RecordBatch> {
    const { limits, start } = this.#settings;
    this.#hashedOfBlock = 0;
    this.#bytes += lineEndBytes;
    for (let at = lineEndBytes; at < block.length; ) {
      const end = lineEnd(block, at);
      const bytes = end - at;
      const value = lineValue(block, this.isAtStart ? byteOrderMarkBytes(block) : at, end);
      if (value !== null && this.nextLine >= start.nextOffset) {
        if (this.#records.length > 0 && this.#recordBytes + bytes > limits.batchBytes) yield this.#cut(block, at);
        this.#recordBytes += bytes;
        this.#records.push({ offset: this.nextLine, timestamp: null, key: null, value, headers: noHeaders });
      }
      at = end;
      this.nextLine += 1;
      this.#bytes += bytes;
      if (this.#records.length >= limits.batchRecords) yield this.#cut(block, at);
    }
    this.#hashTo(block, block.length);
  }

  /** True before the first byte of the file, where a byte-order mark may stand. */
  get isAtStart(): boolean {
    return this.#bytes === 0;
  }

  /** To be called after the last line: throws `SOURCE_CHANGED` for a file with fewer lines than were consumed. */
  checkEnd(): void {
    const { origin, start } = this.#settings;
    if (this.nextLine >= start.nextOffset) return;
    throw changedFile(origin, this.#bytes, `it has ${this.nextLine} lines, where ${start.nextOffset} were consumed`);
  }

  /** The records gathered so far as a batch; null when there are none. To be called between blocks. */
  finish(): RecordBatch | null {
    if (this.#records.length === 0) return null;
    const { origin, hash, start } = this.#settings;
    const { topic, head } = start.name;
    const consumed = {
      head,
      first: start.first,
      bytes: this.#bytes,
      sha256: hash.copy().digest('hex'),
      lines: this.nextLine,
    };
    const diskBytes = this.#settings.diskBytes(this.#bytes);
    const batch = {
      partition: { topic, partition: 0 },
      origin,
      records: this.#records,
      from: this.#from,
      next: { nextOffset: this.nextLine, bookmark: encodeFileBookmark(consumed) },
      bytesRead: diskBytes - this.#diskBytesTold,
    };
    this.#from = this.nextLine;
    this.#records = [];
    this.#recordBytes = 0;
    this.#diskBytesTold = diskBytes;
    return batch;
  }

  #cut(block: Buffer, at: number): RecordBatch {
    this.#hashTo(block, at);
    const batch = this.finish();
    if (batch === null) throw new Error('a batch was cut without a record');
    return batch;
  }

  #hashTo(block: Buffer, at: number): void {
    this.#settings.hash.update(block.subarray(this.#hashedOfBlock, at));
    this.#hashedOfBlock = at;
  }
}
