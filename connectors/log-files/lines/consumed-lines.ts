import type { Hash } from 'node:crypto';
import { type BatchLimits, type LogRecord, noHeaders, type RecordBatch } from '../../../pipeline/ports.ts';
import { changedFile, encodeFileBookmark } from './file-bookmark.ts';
import type { FileStart } from './file-start.ts';
import { byteOrderMarkBytes, lineEnd, lineValue } from './lines.ts';

interface ConsumedSettings {
  readonly origin: string;
  readonly limits: BatchLimits;
  readonly start: FileStart;
  /** Lines from this number on are not read. */
  readonly until: number;
  /** The hash of the bytes consumed by earlier runs, updated with each line that is read. */
  readonly hash: Hash;
  /** How many bytes on disk hold the first `unpacked` bytes of the content. */
  diskBytes(unpacked: number): number;
}

/** Makes batches from blocks of whole lines. The bookmark of a batch identifies everything consumed up to the batch's end. */
export class ConsumedLines {
  /** Zero-based number of the next line. */
  nextLine: number;
  readonly #settings: ConsumedSettings;
  #bytes: number;
  /** Position in the current block up to which the hash has been updated. */
  #hashedUpTo = 0;
  #records: LogRecord[] = [];
  #recordBytes = 0;
  /** Bytes on disk that earlier batches have reported as read. */
  #diskBytesReported = 0;
  /** The offset that the current batch is read from. */
  #from: number;

  constructor(settings: ConsumedSettings) {
    const { consumed } = settings.start;
    this.#settings = settings;
    this.nextLine = consumed?.lines ?? 0;
    this.#bytes = consumed?.bytes ?? 0;
    this.#from = settings.start.nextOffset;
  }

  /**
   * Adds a block of whole lines (at the end of the file also a last line without LF) and yields each batch that becomes
   * full. The first `lineEndBytes` bytes of the block are the line end of the last consumed line.
   */
  *add(block: Buffer, lineEndBytes: number): Generator<RecordBatch> {
    const { limits, start, until } = this.#settings;
    this.#hashedUpTo = 0;
    this.#bytes += lineEndBytes;
    for (let at = lineEndBytes; at < block.length && !this.isDone; ) {
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
      // The last batch reaches the end that was asked for, also over lines without a record.
      if (this.#records.length >= limits.batchRecords || this.nextLine === until) yield this.#cut(block, at);
    }
    if (!this.isDone) this.#hashTo(block, block.length);
  }

  /** True when no further line is to be read. */
  get isDone(): boolean {
    return this.nextLine >= this.#settings.until;
  }

  /** True at the first byte of the file, where a byte-order mark is allowed. */
  get isAtStart(): boolean {
    return this.#bytes === 0;
  }

  /** To be called after the last line. Throws `SOURCE_CHANGED` for a file with fewer lines than were consumed. */
  checkEnd(): void {
    const { origin, start } = this.#settings;
    if (this.nextLine >= start.nextOffset) return;
    const consumed = `${start.nextOffset} lines`;
    throw changedFile({ path: origin, origin: start.origin, consumed }, `it has only ${this.nextLine} lines`);
  }

  /** The collected records as a batch, and at the end that was asked for the lines without one; null when there are none. */
  finish(): RecordBatch | null {
    if (this.#records.length === 0 && !(this.isDone && this.#from < this.nextLine)) return null;
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
      kind: 'file' as const,
      origin,
      records: this.#records,
      from: this.#from,
      next: { nextOffset: this.nextLine, bookmark: encodeFileBookmark(consumed) },
      bytesRead: diskBytes - this.#diskBytesReported,
    };
    this.#from = this.nextLine;
    this.#records = [];
    this.#recordBytes = 0;
    this.#diskBytesReported = diskBytes;
    return batch;
  }

  #cut(block: Buffer, at: number): RecordBatch {
    this.#hashTo(block, at);
    const batch = this.finish();
    if (batch === null) throw new Error('a batch was cut without a record');
    return batch;
  }

  #hashTo(block: Buffer, at: number): void {
    this.#settings.hash.update(block.subarray(this.#hashedUpTo, at));
    this.#hashedUpTo = at;
  }
}
