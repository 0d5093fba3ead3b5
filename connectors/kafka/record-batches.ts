import { createRequire } from 'node:module';
import { crc32c } from '@node-rs/crc32';
import type { LogHeader, LogRecord } from '../../pipeline/ports.ts';
import type { openCodecs } from './codecs.ts';

const require = createRequire(import.meta.url);

/**
 * Record batches of format 2 (https://kafka.apache.org/documentation/#recordbatch), decoded in place of kafkajs's own
 * function: it checks no CRC, puts headers into an object that loses their order, fails on batches of more records than a
 * call takes arguments, and makes several objects a record.
 */

/** What kafkajs reads a response with. */
interface ResponseReader {
  readInt32(): number;
  canReadBytes(count: number): boolean;
  readBytes(count: number): Buffer;
}

/** A record as kafkajs hands it on: what we want of it, and what it needs to leave out aborted transactions. */
export interface FetchedRecord extends LogRecord {
  readonly isControlRecord: boolean;
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean };
}

/** The bytes of a batch are not those that a producer wrote. */
export class DamagedBatch extends Error {
  override readonly name = 'DamagedBatch';
}

const at = { length: 8, magic: 16, crc: 17, attributes: 21, firstTime: 27, maxTime: 35, producer: 43, count: 57 };
const headerBytes = 61;
const codecMask = 0x07;
const appendTimeFlag = 0x08;
const transactionFlag = 0x10;
const controlFlag = 0x20;

/** Makes the function that decodes what a fetch gives of one partition. Throws DamagedBatch. */
export function recordBatchDecoder(codecs: ReturnType<typeof openCodecs>) {
  return async (reader: ResponseReader): Promise<readonly FetchedRecord[]> => {
    const size = reader.readInt32();
    if (size <= 0 || !reader.canReadBytes(size)) return [];
    const bytes = reader.readBytes(size);
    // Topics that were never rewritten since Kafka 0.11 may hold the older format.
    if (bytes.readInt8(at.magic) < 2) return decodeOldFormat(bytes);
    const records: FetchedRecord[] = [];
    // A fetch ends at a number of bytes, so its last batch may be cut; it comes whole with the next one.
    for (let start = 0; start + headerBytes <= bytes.length; ) {
      const end = start + at.magic - 4 + bytes.readInt32BE(start + at.length);
      if (end > bytes.length) break;
      addRecords(bytes.subarray(start, end), codecs, records);
      start = end;
    }
    return records;
  };
}

function decodeOldFormat(bytes: Buffer): Promise<readonly FetchedRecord[]> {
  const Decoder = require('kafkajs/src/protocol/decoder.js');
  const decodeMessageSet = require('kafkajs/src/protocol/messageSet/decoder.js');
  return decodeMessageSet(new Decoder(bytes), bytes.length);
}

function addRecords(batch: Buffer, codecs: ReturnType<typeof openCodecs>, records: FetchedRecord[]): void {
  const baseOffset = readInt64(batch, 0);
  if (crc32c(batch.subarray(at.attributes)) !== batch.readUInt32BE(at.crc))
    throw new DamagedBatch(`the record batch at offset ${baseOffset} fails its CRC-32C`);
  const attributes = batch.readInt16BE(at.attributes);
  const unpack = codecs[attributes & codecMask];
  if (unpack === undefined) throw new DamagedBatch(`the record batch at offset ${baseOffset} has an unknown codec`);
  const reader = new RecordReader(unpack(batch.subarray(headerBytes)), {
    baseOffset,
    firstTime: readInt64(batch, at.firstTime),
    appendTime: (attributes & appendTimeFlag) === 0 ? null : readInt64(batch, at.maxTime),
    isControlRecord: (attributes & controlFlag) !== 0,
    batchContext: {
      producerId: batch.readBigInt64BE(at.producer).toString(),
      inTransaction: (attributes & transactionFlag) !== 0,
    },
  });
  for (let count = batch.readInt32BE(at.count); count > 0; count -= 1) records.push(reader.next());
}

/** Offsets and times lie well within the 53 bits of a double. */
function readInt64(bytes: Buffer, start: number): number {
  return bytes.readInt32BE(start) * 0x1_0000_0000 + bytes.readUInt32BE(start + 4);
}

interface BatchFacts extends Pick<FetchedRecord, 'isControlRecord' | 'batchContext'> {
  readonly baseOffset: number;
  readonly firstTime: number;
  /** The broker's time for all records of the batch; null where each has its producer's. */
  readonly appendTime: number | null;
}

const noHeaders: readonly LogHeader[] = [];

class RecordReader {
  readonly #bytes: Buffer;
  readonly #batch: BatchFacts;
  #at = 0;

  constructor(bytes: Buffer, batch: BatchFacts) {
    this.#bytes = bytes;
    this.#batch = batch;
  }

  next(): FetchedRecord {
    const { baseOffset, firstTime, appendTime, isControlRecord, batchContext } = this.#batch;
    const end = this.#varint() + this.#at;
    if (end > this.#bytes.length) throw new DamagedBatch(`a record of the batch at offset ${baseOffset} is cut off`);
    this.#at += 1; // attributes of a record are unused
    const timeDelta = this.#varint();
    const time = appendTime ?? firstTime + timeDelta;
    const offset = baseOffset + this.#varint();
    const key = this.#slice();
    const value = this.#slice();
    const headers = this.#headers();
    this.#at = end;
    // A time below 0 is how Kafka says that a record has none.
    return { offset, timestamp: time < 0 ? null : time, key, value, headers, isControlRecord, batchContext };
  }

  #headers(): readonly LogHeader[] {
    const count = this.#varint();
    if (count === 0) return noHeaders;
    return Array.from({ length: count }, () => ({ name: this.#slice()?.toString('utf8') ?? '', value: this.#slice() }));
  }

  #slice(): Buffer | null {
    const length = this.#varint();
    if (length < 0) return null;
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  /** A zigzag number of up to 64 bits. */
  #varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
  }
}
