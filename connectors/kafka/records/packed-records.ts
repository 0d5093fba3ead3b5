import { type LogHeader, type LogRecord, type LogRecords, noHeaders } from '../../../pipeline/ports.ts';

/**
 * A decoded record whose bytes stay in their block: key and value span the indexes `[…At, …End)`; an `…At` of -1 means
 * null.
 */
export interface RecordFields {
  readonly offset: number;
  readonly timestamp: number | null;
  readonly keyAt: number;
  readonly keyEnd: number;
  readonly valueAt: number;
  readonly valueEnd: number;
  readonly headers: readonly LogHeader[];
}

/** The columns of `RecordTable`: the position of each number within a record's row. */
const at = { offset: 0, time: 1, block: 2, keyAt: 3, keyEnd: 4, valueAt: 5, valueEnd: 6 };
const numbersPerRecord = 7;

/** What a record takes in the table besides its own bytes and headers. */
export const bytesPerRecord = numbersPerRecord * Float64Array.BYTES_PER_ELEMENT;

/**
 * The records of one fetch, stored as numbers that point into the fetched bytes. If each record were an object, all of them
 * would live until the last one is folded, and the garbage collector would copy each several times. Here a record becomes
 * an object only when it is read, and is garbage right after.
 */
export class RecordTable {
  #numbers = new Float64Array(256 * numbersPerRecord);
  readonly #blocks: Buffer[] = [];
  readonly #headers = new Map<number, readonly LogHeader[]>();
  #length = 0;
  #blockBytes = 0;

  get length(): number {
    return this.#length;
  }

  /** The length of all blocks together, in bytes. */
  get blockBytes(): number {
    return this.#blockBytes;
  }

  /** Starts a block of bytes; the records added next point into it. */
  beginBlock(bytes: Buffer): void {
    this.#blocks.push(bytes);
    this.#blockBytes += bytes.length;
  }

  add({ offset, timestamp, keyAt, keyEnd, valueAt, valueEnd, headers }: RecordFields): void {
    const start = this.#length * numbersPerRecord;
    if (start === this.#numbers.length) this.#grow();
    const numbers = this.#numbers;
    numbers[start + at.offset] = offset;
    numbers[start + at.time] = timestamp ?? Number.NaN;
    numbers[start + at.block] = this.#blocks.length - 1;
    numbers[start + at.keyAt] = keyAt;
    numbers[start + at.keyEnd] = keyEnd;
    numbers[start + at.valueAt] = valueAt;
    numbers[start + at.valueEnd] = valueEnd;
    if (headers.length > 0) this.#headers.set(this.#length, headers);
    this.#length += 1;
  }

  /** Adds a record whose key and value are buffers of their own, such as one of an old message format. */
  addRecord({ offset, timestamp, key, value, headers }: LogRecord): void {
    const keyLength = key?.length ?? 0;
    this.beginBlock(Buffer.concat([key ?? noBytes, value ?? noBytes]));
    const [keyAt, valueAt] = [key === null ? -1 : 0, value === null ? -1 : keyLength];
    const valueEnd = keyLength + (value?.length ?? 0);
    this.add({ offset, timestamp, keyAt, keyEnd: keyLength, valueAt, valueEnd, headers });
  }

  /** Keeps only the first `length` records. */
  truncate(length: number): void {
    this.#length = length;
    for (const row of this.#headers.keys()) if (row >= length) this.#headers.delete(row);
  }

  records(): PackedRecords {
    return new PackedRecords(this, 0, this.#length);
  }

  offset(row: number): number {
    return this.#numbers[row * numbersPerRecord + at.offset]!;
  }

  timestamp(row: number): number | null {
    const time = this.#numbers[row * numbersPerRecord + at.time]!;
    return Number.isNaN(time) ? null : time;
  }

  key(row: number): Buffer | null {
    return this.#span(row, at.keyAt);
  }

  value(row: number): Buffer | null {
    return this.#span(row, at.valueAt);
  }

  headers(row: number): readonly LogHeader[] {
    return this.#headers.get(row) ?? noHeaders;
  }

  /** The length of key and value together, in bytes. */
  bytes(row: number): number {
    return this.#lengthOf(row, at.keyAt) + this.#lengthOf(row, at.valueAt);
  }

  #lengthOf(row: number, span: number): number {
    const start = this.#numbers[row * numbersPerRecord + span]!;
    return start < 0 ? 0 : this.#numbers[row * numbersPerRecord + span + 1]! - start;
  }

  #span(row: number, span: number): Buffer | null {
    const first = row * numbersPerRecord;
    const start = this.#numbers[first + span]!;
    if (start < 0) return null;
    return this.#blocks[this.#numbers[first + at.block]!]!.subarray(start, this.#numbers[first + span + 1]!);
  }

  #grow(): void {
    const larger = new Float64Array(this.#numbers.length * 2);
    larger.set(this.#numbers);
    this.#numbers = larger;
  }
}

const noBytes = Buffer.alloc(0);

/** A range of consecutive records of a table. */
export class PackedRecords implements LogRecords {
  readonly length: number;
  readonly #table: RecordTable;
  readonly #from: number;

  constructor(table: RecordTable, from: number, to: number) {
    this.#table = table;
    this.#from = from;
    this.length = to - from;
  }

  at(index: number): LogRecord | undefined {
    const place = index < 0 ? index + this.length : index;
    return place >= 0 && place < this.length ? new PackedRecord(this.#table, this.#from + place) : undefined;
  }

  *[Symbol.iterator](): Generator<LogRecord> {
    for (let index = 0; index < this.length; index += 1) yield new PackedRecord(this.#table, this.#from + index);
  }

  /** The records with the indexes `[from, to)`. */
  slice(from: number, to: number): PackedRecords {
    return new PackedRecords(this.#table, this.#from + from, this.#from + to);
  }

  /** The index of the first record whose offset is at least `offset`; `length` when there is none. */
  indexOf(offset: number): number {
    let index = 0;
    while (index < this.length && this.offset(index) < offset) index += 1;
    return index;
  }

  offset(index: number): number {
    return this.#table.offset(this.#from + index);
  }

  /** The length of key and value together, in bytes. */
  bytes(index: number): number {
    return this.#table.bytes(this.#from + index);
  }
}

class PackedRecord implements LogRecord {
  readonly #table: RecordTable;
  readonly #row: number;

  constructor(table: RecordTable, row: number) {
    this.#table = table;
    this.#row = row;
  }

  get offset(): number {
    return this.#table.offset(this.#row);
  }

  get timestamp(): number | null {
    return this.#table.timestamp(this.#row);
  }

  get key(): Buffer | null {
    return this.#table.key(this.#row);
  }

  get value(): Buffer | null {
    return this.#table.value(this.#row);
  }

  get headers(): readonly LogHeader[] {
    return this.#table.headers(this.#row);
  }
}
