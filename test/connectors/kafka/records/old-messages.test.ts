import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { crc32 } from '@node-rs/crc32';
import { compressFrameSync } from 'lz4-napi';
import { compressSync } from 'snappy';
import { describe, expect, test } from 'vitest';
import { damageOf, fetchedFrom } from '../../../support/kafka/fetched.ts';
import { batchOf } from '../../../support/kafka/record-batch.ts';
import { plainRecords } from '../../../support/reading.ts';

const require = createRequire(import.meta.url);

interface Given {
  readonly offset: number;
  readonly magic?: 0 | 1;
  readonly attributes?: number;
  readonly time?: number;
  readonly key?: string | null;
  readonly value: Uint8Array | string | null;
}

/** A message of format 0 or 1, laid out as in Kafka's protocol documentation. */
function messageOf({ offset, magic = 1, attributes = 0, time = 1_000, key = 'k', value }: Given): Buffer {
  const sized = (given: Uint8Array | string | null): Buffer => {
    const length = Buffer.alloc(4);
    if (given === null) length.writeInt32BE(-1);
    else length.writeInt32BE(Buffer.byteLength(given));
    return Buffer.concat([length, Buffer.from(given ?? '')]);
  };
  const timeBytes = Buffer.alloc(magic === 1 ? 8 : 0);
  if (magic === 1) timeBytes.writeBigInt64BE(BigInt(time));
  const checked = Buffer.concat([Buffer.from([magic, attributes]), timeBytes, sized(key), sized(value)]);
  const head = Buffer.alloc(16);
  head.writeBigInt64BE(BigInt(offset), 0);
  head.writeInt32BE(checked.length + 4, 8);
  head.writeUInt32BE(crc32(checked), 12);
  return Buffer.concat([head, checked]);
}

const read = (bytes: Buffer, from = 0) =>
  plainRecords(fetchedFrom(bytes, { from }).records).map(
    ({ offset, timestamp, value }) => `${offset}@${timestamp}: ${value}`,
  );

describe('messages of before Kafka 0.11', () => {
  test('are read as kafkajs writes them', () => {
    const encodeMessageSet = require('kafkajs/src/protocol/messageSet/index.js');
    const entries = [
      { magicByte: 1, timestamp: 1_700_000_000_123, key: 'k', value: 'one' },
      { magicByte: 1, timestamp: -1, key: null, value: null },
    ];
    const set: Buffer = encodeMessageSet({ messageVersion: 1, entries }).buffer;
    expect(plainRecords(fetchedFrom(set).records)).toEqual([
      { offset: 0, timestamp: 1_700_000_000_123, key: Buffer.from('k'), value: Buffer.from('one'), headers: [] },
      { offset: 1, timestamp: null, key: null, value: null, headers: [] },
    ]);
  });

  test('of format 0 have no time', () => {
    expect(read(messageOf({ offset: 7, magic: 0, value: 'a' }))).toEqual(['7@null: a']);
  });

  const inside = (magic: 0 | 1, ...offsets: readonly number[]) =>
    Buffer.concat(offsets.map(offset => messageOf({ offset, magic, time: offset, value: `v${offset}` })));
  test.each<[string, number, (bytes: Buffer) => Uint8Array]>([
    ['gzip', 1, gzipSync],
    ['snappy', 2, compressSync],
    ['lz4', 3, compressFrameSync],
  ])('packed with %s are unpacked, and those of format 1 get their offsets from the outer one', (_, codec, pack) => {
    const inFormat1 = messageOf({ offset: 42, attributes: codec, value: pack(inside(1, 0, 1, 2)) });
    expect(read(inFormat1)).toEqual(['40@0: v0', '41@1: v1', '42@2: v2']);
    expect(read(inFormat1, 42)).toEqual(['42@2: v2']);
    const inFormat0 = messageOf({ offset: 9, magic: 0, attributes: codec, value: pack(inside(0, 8, 9)) });
    expect(read(inFormat0)).toEqual(['8@null: v8', '9@null: v9']);
    const withBrokersTime = messageOf({ offset: 1, attributes: codec | 8, time: 55, value: pack(inside(1, 0, 1)) });
    expect(read(withBrokersTime)).toEqual(['0@55: v0', '1@55: v1']);
  });

  test('end where the fetch ends, or where batches of the later format begin', () => {
    const whole = messageOf({ offset: 0, value: 'a' });
    for (const rest of [whole.subarray(0, 10), whole.subarray(0, -1), batchOf({ baseOffset: 1, values: ['b'] })]) {
      const bytes = Buffer.concat([whole, rest]);
      expect(read(bytes)).toEqual(['0@1000: a']);
      expect(fetchedFrom(bytes)).toMatchObject({ nextOffset: 1, damage: null });
    }
  });
});

describe('a message of before Kafka 0.11 that cannot be read is damage, which names its offset', () => {
  const flipped = messageOf({ offset: 5, value: 'abc' });
  flipped[flipped.length - 1]! ^= 1;
  const packed = (value: Uint8Array) => messageOf({ offset: 5, attributes: 1, value });
  test.each([
    ['a flipped bit', flipped, /^the message at offset 5 fails its CRC-32$/],
    ['broken gzip', packed(Buffer.from('x')), /^the message at offset 5 cannot be unpacked: /],
    [
      'too much',
      packed(gzipSync(Buffer.alloc(2_000))),
      /^the message at offset 5 cannot be unpacked: it unpacks to 2000 bytes, which is more than max_unpacked_bytes \(1000\)$/,
    ],
    [
      'a message inside that is cut off',
      packed(gzipSync(flipped.subarray(0, -2))),
      /offset 5 has a message that is cut off/,
    ],
    ['packed twice', packed(gzipSync(packed(gzipSync(flipped)))), /offset 5 is packed twice/],
    ['a length beyond the fetch', flipped.subarray(0, -1), /offset 5 does not have the length that it states/],
    ['an unknown codec', messageOf({ offset: 5, attributes: 6, value: 'x' }), /offset 5 names the unknown codec 6/],
  ])('%s', (_, bytes, wanted) => {
    expect(damageOf(bytes, { from: 5, maxUnpackedBytes: 1_000 })).toMatch(wanted);
  });
});
