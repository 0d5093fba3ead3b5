import { crc32c } from '@node-rs/crc32';
import { type LogHeader, noHeaders } from '../../../pipeline/ports.ts';
import type { Unpack } from './codecs.ts';
import type { RecordFields, RecordTable } from './packed-records.ts';

/**
 * Decodes record batches of format 2 (https://kafka.apache.org/documentation/#recordbatch). kafkajs has its own decoder,
 * but it checks no CRC, puts headers into an object that loses their order, fails on a batch with more records than a
 * function call takes arguments, and makes several objects per record.
 */

/** A record batch that cannot be read: its bytes changed after they were written, or its producer encoded it wrongly. */
export class DamagedBatch extends Error {
  override readonly name = 'DamagedBatch';
  /** kafkajs reads this and then does not repeat the fetch, which would fail each time. */
  readonly retriable = false;
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
export class RecordBatchBytes {
  readonly baseOffset: number;
  /** The offset after the batch. Log cleaning removes records, so the last remaining one may lie well before it. */
  readonly nextOffset: number;
  readonly #bytes: Buffer;
  readonly #attributes: number;

  /** Throws `DamagedBatch` when the checksum is wrong. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.baseOffset = readInt64(bytes, 0);
    this.nextOffset = this.baseOffset + bytes.readInt32BE(at.lastDelta) + 1;
    this.#attributes = bytes.readInt16BE(at.attributes);
    if (crc32c(bytes.subarray(at.attributes)) !== bytes.readUInt32BE(at.crc))
      throw new DamagedBatch(`the record batch at offset ${this.baseOffset} fails its CRC-32C`);
  }

  get producerId(): string {
    return this.#bytes.readBigInt64BE(at.producer).toString();
  }

  get isTransactional(): boolean {
    return (this.#attributes & transactionFlag) !== 0;
  }

  /** True for an end marker, which the broker writes where a transaction was committed or aborted. */
  get isControl(): boolean {
    return (this.#attributes & controlFlag) !== 0;
  }

  /**
   * Adds the records with offsets from `from` on to the table. Throws `DamagedBatch` when one cannot be unpacked or
   * read.
   */
  addRecords(from: number, codecs: readonly Unpack[], records: RecordTable): void {
    const bytes = this.#unpack(codecs);
    records.beginBlock(bytes);
    const reader = new RecordReader(bytes, {
      baseOffset: this.baseOffset,
      firstTime: readInt64(this.#bytes, at.firstTime),
      appendTime: (this.#attributes & appendTimeFlag) === 0 ? null : readInt64(this.#bytes, at.maxTime),
    });
    for (let count = this.#bytes.readInt32BE(at.count); count > 0; count -= 1) {
      reader.next();
      if (reader.offset >= from) records.add(reader);
    }
  }

  #unpack(codecs: readonly Unpack[]): Buffer {
    const packed = this.#bytes.subarray(headerBytes);
    const codec = this.#attributes & codecMask;
    const unpack = codecs[codec];
    if (unpack === undefined)
      throw new DamagedBatch(`the record batch at offset ${this.baseOffset} names the unknown codec ${codec}`);
    try {
      return unpack(packed);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new DamagedBatch(`the record batch at offset ${this.baseOffset} cannot be unpacked: ${reason}`, { cause });
    }
  }
}

/** Splits the bytes of a fetch into batches. Throws `DamagedBatch`. */
export function* recordBatches(bytes: Buffer): Generator<RecordBatchBytes> {
  // A fetch is limited in bytes, so its last batch may be cut off; the next fetch delivers it whole.
  for (let start = 0; start + headerBytes <= bytes.length; ) {
    const end = start + at.magic - 4 + bytes.readInt32BE(start + at.length);
    if (end > bytes.length) return;
    if (end < start + headerBytes)
      throw new DamagedBatch(`the record batch at offset ${readInt64(bytes, start)} is shorter than its header`);
    yield new RecordBatchBytes(bytes.subarray(start, end));
    start = end;
  }
}

/** Reads a 64-bit integer as a double: offsets and times fit into its 53 bits. */
function readInt64(bytes: Buffer, start: number): number {
  return bytes.readInt32BE(start) * 0x1_0000_0000 + bytes.readUInt32BE(start + 4);
}

interface BatchHeader {
  readonly baseOffset: number;
  readonly firstTime: number;
  /** The broker's time for all records of the batch; null when each record has the time of its producer. */
  readonly appendTime: number | null;
}

/** Reads record after record. Its own fields hold the record read last, so that no object per record is made. */
class RecordReader implements RecordFields {
  offset = 0;
  timestamp: number | null = null;
  keyAt = -1;
  keyEnd = -1;
  valueAt = -1;
  valueEnd = -1;
  headers = noHeaders;
  readonly #bytes: Buffer;
  readonly #batch: BatchHeader;
  #at = 0;

  constructor(bytes: Buffer, batch: BatchHeader) {
    this.#bytes = bytes;
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

  #cutOff(): DamagedBatch {
    return new DamagedBatch(`a record of the batch at offset ${this.#batch.baseOffset} is cut off`);
  }
}
