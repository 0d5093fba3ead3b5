import { type LogHeader, type LogRecord, noHeaders } from '../../../pipeline/ports.ts';
import { recordHeaderBytes, type StoredBatch } from './batch-format.ts';

/** Reads the records of one stored batch in order. Keys and values are views into the batch: nothing is copied. */
export class RecordReader {
  /** Offset of the next record. */
  nextOffset: number;
  readonly endOffset: number;
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #end: number;
  #at: number;

  constructor(batch: StoredBatch) {
    this.nextOffset = batch.baseOffset;
    this.endOffset = batch.baseOffset + batch.count;
    this.#bytes = batch.bytes;
    this.#view = new DataView(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.byteLength);
    this.#at = batch.recordsAt;
    this.#end = batch.end;
  }

  get isDone(): boolean {
    return this.nextOffset === this.endOffset;
  }

  /** Whether the records end exactly where the batch ends. To be read when `isDone`. */
  get endsAtBatchEnd(): boolean {
    return this.#at === this.#end;
  }

  /** Skips the records below `offset`. */
  skipTo(offset: number): void {
    while (this.nextOffset < offset && !this.isDone) this.#next();
  }

  /**
   * Adds records to `records` until it holds `maxRecords`, or until one more record would make this call add more than
   * `maxBytes`. Returns the number of bytes added. An empty `records` gets at least one record.
   */
  take(records: LogRecord[], maxRecords: number, maxBytes: number): number {
    let taken = 0;
    while (!this.isDone && records.length < maxRecords) {
      const before = { at: this.#at, offset: this.nextOffset };
      const record = this.#next();
      const bytes = this.#at - before.at;
      if (taken + bytes > maxBytes && records.length > 0) {
        this.#at = before.at;
        this.nextOffset = before.offset;
        break;
      }
      records.push(record);
      taken += bytes;
    }
    return taken;
  }

  #next(): LogRecord {
    const at = this.#at;
    const keyLength = this.#view.getInt32(at, true);
    const valueLength = this.#view.getInt32(at + 4, true);
    const time = this.#view.getFloat64(at + 8, true);
    const headerCount = this.#view.getUint32(at + 16, true);
    const valueAt = at + recordHeaderBytes + Math.max(0, keyLength);
    this.#at = valueAt + Math.max(0, valueLength);
    return {
      offset: this.nextOffset++,
      timestamp: Number.isNaN(time) ? null : time,
      key: this.#slice(at + recordHeaderBytes, keyLength),
      value: this.#slice(valueAt, valueLength),
      headers: headerCount === 0 ? noHeaders : this.#headers(headerCount),
    };
  }

  #headers(count: number): readonly LogHeader[] {
    return Array.from({ length: count }, () => {
      const nameLength = this.#view.getInt32(this.#at, true);
      const valueLength = this.#view.getInt32(this.#at + 4, true);
      const nameAt = this.#at + 8;
      const valueAt = nameAt + nameLength;
      this.#at = valueAt + Math.max(0, valueLength);
      return { name: this.#bytes.toString('utf8', nameAt, valueAt), value: this.#slice(valueAt, valueLength) };
    });
  }

  /** A plain view, made twice for each record: `Buffer.subarray` takes nearly three times as long. */
  #slice(at: number, length: number): Uint8Array | null {
    return length < 0 ? null : new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + at, length);
  }
}
