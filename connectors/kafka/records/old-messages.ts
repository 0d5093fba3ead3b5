import { crc32 } from '@node-rs/crc32';
import { type LogRecord, noHeaders } from '../../../pipeline/ports.ts';
import { Unreadable, unpack } from './codecs.ts';
import type { RecordTable } from './packed-records.ts';
import { DamagedBatch, readInt64, type StoredBatch, type UnpackOptions } from './record-batches.ts';

/**
 * Decodes the message formats 0 and 1. A topic may still hold them that was written before Kafka 0.11. A message is one
 * record, or it packs several messages. There are no headers and no transactions.
 */

/** Byte positions in a message; only format 1 has a time. */
const at = { size: 8, crc: 12, magic: 16, attributes: 17, time: 18 };
const codecMask = 0x07;
const appendTimeFlag = 0x08;

export function isOldFormat(bytes: Buffer): boolean {
  return bytes.length > at.magic && bytes.readInt8(at.magic) < 2;
}

/** Splits the bytes of a fetch into messages. Throws `DamagedBatch`. */
export function* oldMessages(bytes: Buffer): Generator<StoredBatch> {
  for (let start = 0; start < bytes.length; ) {
    const end = endOfMessage(bytes, start);
    // The end of the last message may be missing, and batches of a later format may follow.
    if (start > 0 && (end > bytes.length || !isOldFormat(bytes.subarray(start)))) return;
    if (end > bytes.length || end <= start + at.time) {
      const problem = 'does not have the length that it states';
      throw new DamagedBatch(`the message at offset ${readInt64(bytes, start)} ${problem}`, null);
    }
    yield new OldMessage(bytes.subarray(start, end));
    start = end;
  }
}

class OldMessage implements StoredBatch {
  readonly nextOffset: number;
  readonly producerId = '';
  readonly isTransactional = false;
  readonly isControl = false;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.nextOffset = readInt64(bytes, 0) + 1;
  }

  addRecords(options: UnpackOptions, table: RecordTable): void {
    try {
      for (const record of recordsOf(this.#bytes, options)) if (record.offset >= options.from) table.addRecord(record);
    } catch (cause) {
      if (!(cause instanceof Unreadable)) throw cause;
      throw new DamagedBatch(`the message at offset ${this.nextOffset - 1} ${cause.message}`, this.nextOffset, {
        cause,
      });
    }
  }
}

function recordsOf(bytes: Buffer, options: UnpackOptions): readonly LogRecord[] {
  if (crc32(bytes.subarray(at.magic)) !== bytes.readUInt32BE(at.crc)) throw new Unreadable('fails its CRC-32');
  const offset = readInt64(bytes, 0);
  const isFormat1 = bytes.readInt8(at.magic) === 1;
  const time = isFormat1 ? readInt64(bytes, at.time) : -1;
  const key = sizedBytes(bytes, at.time + (isFormat1 ? 8 : 0));
  const value = sizedBytes(bytes, key.end);
  const attributes = bytes.readUInt8(at.attributes);
  const codec = attributes & codecMask;
  // In Kafka a negative time means that the record has none.
  const timestamp = time < 0 ? null : time;
  if (codec === 0) return [{ offset, timestamp, key: key.bytes, value: value.bytes, headers: noHeaders }];
  const packed = recordsIn(unpack(value.bytes ?? Buffer.alloc(0), codec, options), options);
  // In format 1 the messages inside are numbered from 0, and the outer one has the offset of the last.
  const shift = isFormat1 ? offset - (packed.at(-1)?.offset ?? 0) : 0;
  const isAppendTime = (attributes & appendTimeFlag) !== 0;
  return packed.map(record => ({
    ...record,
    offset: record.offset + shift,
    timestamp: isAppendTime ? timestamp : record.timestamp,
  }));
}

/** The records of unpacked messages. */
function recordsIn(bytes: Buffer, options: UnpackOptions): readonly LogRecord[] {
  const records: LogRecord[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = endOfMessage(bytes, start);
    if (end > bytes.length || end <= start + at.time) throw new Unreadable('has a message that is cut off');
    if ((bytes.readUInt8(start + at.attributes) & codecMask) !== 0) throw new Unreadable('is packed twice');
    records.push(...recordsOf(bytes.subarray(start, end), options));
    start = end;
  }
  return records;
}

/** The index after the message at `start`; beyond all bytes when its head is incomplete. */
function endOfMessage(bytes: Buffer, start: number): number {
  return start + at.time < bytes.length
    ? start + at.crc + bytes.readInt32BE(start + at.size)
    : Number.POSITIVE_INFINITY;
}

/** The bytes after a length at `start`, null for a negative one, and the index after them. */
function sizedBytes(bytes: Buffer, start: number): { readonly bytes: Buffer | null; readonly end: number } {
  const length = start + 4 <= bytes.length ? bytes.readInt32BE(start) : Number.POSITIVE_INFINITY;
  if (length < 0) return { bytes: null, end: start + 4 };
  const end = start + 4 + length;
  if (end > bytes.length) throw new Unreadable('is cut off');
  return { bytes: bytes.subarray(start + 4, end), end };
}
