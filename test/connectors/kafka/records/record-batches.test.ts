import { describe, expect, test } from 'vitest';
import { openCodecs } from '../../../../connectors/kafka/records/codecs.ts';
import type { LogRecord } from '../../../../pipeline/ports.ts';
import { damageOf, fetchedFrom } from '../../../support/kafka/fetched.ts';
import { batchOf, varint } from '../../../support/kafka/record-batch.ts';
import { plainRecords } from '../../../support/reading.ts';

const decodeFetch = (bytes: Buffer): readonly LogRecord[] => plainRecords(fetchedFrom(bytes).records);

const values = (records: readonly LogRecord[]) => records.map(({ value }) => String(value));

describe('record batches', () => {
  test('are decoded one after the other, with offsets and times', () => {
    const fetched = Buffer.concat([
      batchOf({ baseOffset: 7, values: ['a', 'b'] }),
      batchOf({ baseOffset: 12, values: ['c'] }),
    ]);
    const records = decodeFetch(fetched);
    expect(values(records)).toEqual(['a', 'b', 'c']);
    expect(records.map(({ offset, timestamp }) => [offset, timestamp])).toEqual([
      [7, 1_000],
      [8, 1_010],
      [12, 1_000],
    ]);
  });

  test('beyond 2^32 and 2^40 keep their offsets', () => {
    for (const baseOffset of [2 ** 32 - 1, 2 ** 40 + 5])
      expect(decodeFetch(batchOf({ baseOffset, values: ['a', 'b'] })).map(({ offset }) => offset)).toEqual([
        baseOffset,
        baseOffset + 1,
      ]);
  });

  test("with the broker's time give it to every record, and a negative time is read as null", () => {
    const appended = decodeFetch(batchOf({ baseOffset: 0, attributes: 0x08, values: ['a', 'b'] }));
    expect(appended.map(({ timestamp }) => timestamp)).toEqual([9_000, 9_000]);
    const untimed = decodeFetch(batchOf({ baseOffset: 0, firstTime: -1, values: ['a'] }));
    expect(untimed.map(({ timestamp }) => timestamp)).toEqual([null]);
  });

  test('of 250,000 records do not exceed the limit of arguments of a call', () => {
    const many = Array.from({ length: 250_000 }, () => 'x');
    expect(decodeFetch(batchOf({ baseOffset: 0, values: many }))).toHaveLength(250_000);
  });

  test('that are cut off at the end of a fetch are left to the next fetch', () => {
    const [first, second] = [batchOf({ baseOffset: 0, values: ['a'] }), batchOf({ baseOffset: 1, values: ['b'] })];
    for (let cut = 0; cut < second.length; cut += 1)
      expect(values(decodeFetch(Buffer.concat([first, second.subarray(0, cut)])))).toEqual(['a']);
  });

  test('with a flipped bit in the checksum or in any byte after it are refused, and the error names the offset', () => {
    const batch = batchOf({ baseOffset: 41, values: ['abc', 'def'] });
    for (let at = 17; at < batch.length; at += 1) {
      const flipped = Buffer.from(batch);
      flipped[at]! ^= 0x20;
      expect(damageOf(flipped), `byte ${at}`).toBe('the record batch at offset 41 fails its CRC-32C');
    }
  });
});

describe('a record', () => {
  /** The content of a record: attributes, time, offset, no key, the value `abc`, no headers. */
  const content = Buffer.concat([
    Buffer.from([0]),
    varint(0),
    varint(0),
    varint(-1),
    varint(3),
    Buffer.from('abc'),
    varint(0),
  ]);
  const declaring = (length: number, ...behind: readonly number[]) =>
    batchOf({ baseOffset: 41, body: Buffer.concat([varint(length), content, Buffer.from(behind)]), count: 1 });

  test('of the declared length is read, and so is one with bytes left over', () => {
    expect(values(decodeFetch(declaring(content.length)))).toEqual(['abc']);
    expect(values(decodeFetch(declaring(content.length + 2, 0, 0)))).toEqual(['abc']);
  });

  test.each([1, 2, 5, content.length])('that is %i bytes longer than it declares is refused', bytes => {
    expect(damageOf(declaring(content.length - bytes)), 'a record longer than it declares was read').toBe(
      'the record batch at offset 41 has a record that is cut off',
    );
  });
});

test('every compression type can be read on this machine', () => {
  expect(openCodecs()).toHaveLength(5);
});
