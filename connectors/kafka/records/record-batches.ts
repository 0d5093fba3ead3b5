import { crc32c } from '@node-rs/crc32';
import { type LogHeader, noHeaders } from '../../../pipeline/ports.ts';
import { type Unpack, Unreadable, unpack } from './codecs.ts';
import { bytesPerRecord, type RecordFields, type RecordTable } from './packed-records.ts';

/**
 * Decodes record batches of format 2 (https://kafka.apache.org/documentation/#recordbatch). kafkajs has its own decoder,
 * but it checks no CRC, puts headers into an object that loses their order, fails on a batch with more records than a
 * function call takes arguments, and makes several objects per record.
 */

/**
 * Thrown for a record batch that cannot be read: its bytes changed after they were written, its producer encoded it wrongly,
 * or it unpacks to more than is allowed.
 */
export class DamagedBatch extends Error {
  override readonly name = 'DamagedBatch';
  /** The offset after the batch; null where it cannot be told. */
  readonly nextOffset: number | null;

  constructor(message: string, nextOffset: number | null, options?: ErrorOptions) {
    super(message, options);
    this.nextOffset = nextOffset;
  }
}

/** How to unpack and decode a batch. */
export interface UnpackOptions {
  /** Records with lower offsets are left out. */
  readonly from: number;
  readonly codecs: readonly Unpack[];
  /** The largest unpacked size of a batch, in bytes. */
  readonly maxBytes: number;
}

/** A batch as the log holds it, of any format. */
export interface StoredBatch {
  /** The offset after the batch. Log cleaning removes records, so the last remaining one may lie well before it. */
  readonly nextOffset: number;
  readonly producerId: string;
  readonly isTransactional: boolean;
  /** True for an end marker, which the broker writes where a transaction was committed or aborted. */
  readonly isControl: boolean;
  /** Adds its records to the table. Throws `DamagedBatch` when one cannot be unpacked or read. */
  addRecords(options: UnpackOptions, records: RecordTable): void;
}

/** Byte positions in the header of a batch. */
const at = {
  length: 8,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastDelta: 23,
  firstTime: 27,
  maxTime: 35,
  producer: 43,
  count: 57,
};
const headerBytes = 61;
const codecMask = 0x07;
const appendTimeFlag = 0x08;
const transactionFlag = 0x10;
const controlFlag = 0x20;

/** One batch with a verified checksum. Its records are unpacked only by `addRecords`. */
class RecordBatchBytes implements StoredBatch {
  readonly nextOffset: number;
  readonly #baseOffset: number;
  readonly #bytes: Buffer;
  readonly #attributes: number;

  /** `following` is the first offset of the next batch, where it is known. Throws `DamagedBatch` when the checksum is wrong. */
  constructor(bytes: Buffer, following: number | null) {
    this.#bytes = bytes;
    this.#baseOffset = readInt64(bytes, 0);
    this.nextOffset = this.#baseOffset + bytes.readInt32BE(at.lastDelta) + 1;
    this.#attributes = bytes.readInt16BE(at.attributes);
    if (crc32c(bytes.subarray(at.attributes)) === bytes.readUInt32BE(at.crc)) return;
    // What the header says of the batch's end may be what is wrong.
    this.nextOffset = following ?? this.nextOffset;
    throw this.#damaged('fails its CRC-32C');
  }

  get producerId(): string {
    return this.#bytes.readBigInt64BE(at.producer).toString();
  }

  get isTransactional(): boolean {
    return (this.#attributes & transactionFlag) !== 0;
  }

  get isControl(): boolean {
    return (this.#attributes & controlFlag) !== 0;
  }

  addRecords({ from, codecs, maxBytes }: UnpackOptions, records: RecordTable): void {
    const count = this.#bytes.readInt32BE(at.count);
    if (count * bytesPerRecord > maxBytes) throw this.#damaged(`has ${count} records, ${tooMany(maxBytes)}`);
    try {
      const bytes = unpack(this.#bytes.subarray(headerBytes), this.#attributes & codecMask, { codecs, maxBytes });
      records.beginBlock(bytes);
      const reader = new RecordReader(bytes, maxBytes, {
        baseOffset: this.#baseOffset,
        firstTime: readInt64(this.#bytes, at.firstTime),
        appendTime: (this.#attributes & appendTimeFlag) === 0 ? null : readInt64(this.#bytes, at.maxTime),
      });
      for (let left = count; left > 0; left -= 1) {
        reader.next();
        if (reader.offset >= from) records.add(reader);
      }
    } catch (error) {
      throw error instanceof Unreadable ? this.#damaged(error.message, error.cause) : error;
    }
  }

  #damaged(problem: string, cause?: unknown): DamagedBatch {
    return new DamagedBatch(`the record batch at offset ${this.#baseOffset} ${problem}`, this.nextOffset, { cause });
  }
}

/** Splits the bytes of a fetch into batches. Throws `DamagedBatch`. */
export function* recordBatches(bytes: Buffer): Generator<StoredBatch> {
  for (let start = 0; start < bytes.length; ) {
    const isWhole = start + headerBytes <= bytes.length;
    const end = isWhole ? start + at.magic - 4 + bytes.readInt32BE(start + at.length) : Number.POSITIVE_INFINITY;
    // A fetch is limited in bytes, so its last batch may be cut off; the next fetch delivers it whole, as its first one.
    if (end > bytes.length && start > 0) return;
    if (end > bytes.length || end < start + headerBytes) {
      const offset = bytes.length < 8 ? 'unknown' : readInt64(bytes, start);
      const problem = end > bytes.length ? 'is longer than what the broker sent' : 'is shorter than its header';
      throw new DamagedBatch(`the record batch at offset ${offset} ${problem}`, null);
    }
    yield new RecordBatchBytes(bytes.subarray(start, end), end + 8 <= bytes.length ? readInt64(bytes, end) : null);
    start = end;
  }
}

/** Reads a 64-bit integer as a double: offsets and times fit into its 53 bits. */
export function readInt64(bytes: Buffer, start: number): number {
  return bytes.readInt32BE(start) * 0x1_0000_0000 + bytes.readUInt32BE(start + 4);
}

interface BatchHeader {
  readonly baseOffset: number;
  readonly firstTime: number;
  /** The broker's time for all records of the batch; null when each record has the time of its producer. */
  readonly appendTime: number | null;
}

/** Roughly what a header takes in memory: an object, its name and its value. */
const bytesPerHeader = 256;

/**
 * Reads record after record. Its own fields hold the record read last, so that no object per record is made. Throws
 * `Unreadable`.
 */
class RecordReader implements RecordFields {
  offset = 0;
  timestamp: number | null = null;
  keyAt = -1;
  keyEnd = -1;
  valueAt = -1;
  valueEnd = -1;
  headers = noHeaders;
  readonly #bytes: Buffer;
  readonly #maxBytes: number;
  readonly #batch: BatchHeader;
  #at = 0;
  #headerCount = 0;

  constructor(bytes: Buffer, maxBytes: number, batch: BatchHeader) {
    this.#bytes = bytes;
    this.#maxBytes = maxBytes;
    this.#batch = batch;
  }

  next(): void {
    const { baseOffset, firstTime, appendTime } = this.#batch;
    const length = this.#varint();
    const end = length + this.#at;
    if (length < 0 || end > this.#bytes.length) throw this.#cutOff();
    this.#at += 1; // the attributes of a record, which Kafka does not use
    const timeDelta = this.#varint();
    const time = appendTime ?? firstTime + timeDelta;
    this.offset = baseOffset + this.#varint();
    this.keyAt = this.#span();
    this.keyEnd = this.#at;
    this.valueAt = this.#span();
    this.valueEnd = this.#at;
    this.headers = this.#headers();
    if (this.#at > end) throw this.#cutOff();
    this.#at = end;
    // In Kafka a negative time means that the record has none.
    this.timestamp = time < 0 ? null : time;
  }

  #headers(): readonly LogHeader[] {
    const count = this.#varint();
    if (count === 0) return noHeaders;
    if (count < 0 || count > this.#bytes.length - this.#at) throw this.#cutOff();
    this.#headerCount += count;
    if (this.#headerCount * bytesPerHeader > this.#maxBytes)
      throw new Unreadable(`has ${this.#headerCount} headers, ${tooMany(this.#maxBytes)}`);
    return Array.from({ length: count }, () => ({ name: this.#slice()?.toString('utf8') ?? '', value: this.#slice() }));
  }

  /** Reads a length, skips that many bytes and returns their start index; -1 for null. */
  #span(): number {
    const length = this.#varint();
    if (length < 0) return -1;
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw this.#cutOff();
    return start;
  }

  #slice(): Buffer | null {
    const start = this.#span();
    return start < 0 ? null : this.#bytes.subarray(start, this.#at);
  }

  /** Reads a zigzag-encoded integer of up to 64 bits. */
  #varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw this.#cutOff();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
  }

  #cutOff(): Unreadable {
    return new Unreadable('has a record that is cut off');
  }
}

function tooMany(maxBytes: number): string {
  return `which need more memory than max_unpacked_bytes (${maxBytes})`;
}
