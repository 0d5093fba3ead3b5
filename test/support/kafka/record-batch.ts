import { crc32c } from '@node-rs/crc32';

export interface GivenBatch {
  readonly baseOffset: number;
  /** The compression type plus flags: 8 for the broker's time, 16 for a transaction, 32 for an end marker. */
  readonly attributes?: number;
  readonly firstTime?: number;
  readonly maxTime?: number;
  readonly producerId?: number;
  readonly key?: Uint8Array | null;
  readonly values?: readonly string[];
  /** The last offset in the header, when it differs from that of the last value, as after log cleaning. */
  readonly lastOffset?: number;
  /** Bytes in place of the encoded values, such as compressed or broken ones. */
  readonly body?: Uint8Array;
  readonly count?: number;
}

/** Encodes a record batch of format 2, laid out as in Kafka's protocol documentation. */
export function batchOf(given: GivenBatch): Buffer {
  const { baseOffset, attributes = 0, firstTime = 1_000, maxTime = 9_000, producerId = -1, values = [] } = given;
  const {
    lastOffset = baseOffset + values.length - 1,
    count = values.length,
    body = bodyOf(values, given.key),
  } = given;
  const tail = Buffer.alloc(40);
  tail.writeInt16BE(attributes, 0);
  tail.writeInt32BE(lastOffset - baseOffset, 2);
  tail.writeBigInt64BE(BigInt(firstTime), 6);
  tail.writeBigInt64BE(BigInt(maxTime), 14);
  tail.writeBigInt64BE(BigInt(producerId), 22);
  tail.writeInt32BE(count, 36);
  const checked = Buffer.concat([tail, body]);
  const head = Buffer.alloc(21);
  head.writeBigInt64BE(BigInt(baseOffset), 0);
  head.writeInt32BE(checked.length + 9, 8);
  head.writeInt8(2, 16);
  head.writeUInt32BE(crc32c(checked), 17);
  return Buffer.concat([head, checked]);
}

/** The end marker that a broker writes where a transaction of a producer ends. */
export function markerOf(baseOffset: number, producerId: number, end: 'abort' | 'commit'): Buffer {
  const key = Buffer.from([0, 0, 0, end === 'abort' ? 0 : 1]);
  return batchOf({ baseOffset, producerId, attributes: 0x30, key, values: ['\0\0\0\0\0\0'] });
}

function bodyOf(values: readonly string[], key: Uint8Array | null = null): Buffer {
  const records = values.map((value, index) => {
    const keyBytes = key === null ? varint(-1) : Buffer.concat([varint(key.length), key]);
    const facts = Buffer.concat([Buffer.from([0]), varint(index * 10), varint(index), keyBytes]);
    const body = Buffer.concat([facts, varint(value.length), Buffer.from(value), varint(0)]);
    return Buffer.concat([varint(body.length), body]);
  });
  return Buffer.concat(records);
}

/** Encodes a zigzag integer. */
export function varint(number: number): Buffer {
  const bytes: number[] = [];
  let rest = number < 0 ? -2 * number - 1 : 2 * number;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}
