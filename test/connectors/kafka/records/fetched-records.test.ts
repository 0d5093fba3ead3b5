import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { FetchedBatch } from '../../../../connectors/kafka/records/fetched-batch.ts';
import { type FetchedRecords, readFetched } from '../../../../connectors/kafka/records/fetched-records.ts';
import { fetchedFrom as fetched } from '../../../support/kafka/fetched.ts';
import { batchOf, markerOf, varint } from '../../../support/kafka/record-batch.ts';

const transaction = 0x10;
const values = ({ records }: FetchedRecords) => Array.from(records, ({ value }) => String(value));
const of = (producerId: number, baseOffset: number, ...texts: readonly string[]) =>
  batchOf({ producerId, baseOffset, attributes: transaction, values: texts });

describe('records of transactions', () => {
  const overlapping = Buffer.concat([
    of(1, 0, 'a0', 'a1'),
    of(2, 2, 'b0'),
    of(3, 3, 'c0'),
    of(1, 4, 'a2'),
    markerOf(5, 2, 'abort'),
    markerOf(6, 1, 'abort'),
    of(2, 7, 'b1'),
    markerOf(8, 3, 'commit'),
    of(1, 9, 'a3'),
    markerOf(10, 2, 'commit'),
    markerOf(11, 1, 'commit'),
  ]);
  // Brokers list them in the order of their ends, not of their beginnings.
  const aborted = [
    { producerId: '2', firstOffset: 2 },
    { producerId: '1', firstOffset: 0 },
  ];

  test('that overlap are told apart, in whichever order the broker lists the aborted ones', () => {
    expect(values(fetched(overlapping, { aborted }))).toEqual(['c0', 'b1', 'a3']);
    expect(values(fetched(overlapping, { aborted: aborted.toReversed() }))).toEqual(['c0', 'b1', 'a3']);
  });

  test('are told apart by a fetch that begins after several of them have begun', () => {
    const middle = Buffer.concat([of(1, 4, 'a2'), of(2, 5, 'b2'), markerOf(6, 1, 'abort'), of(2, 7, 'b3')]);
    expect(values(fetched(middle, { from: 4, aborted }))).toEqual([]);
  });

  test('are not ended by a normal record whose key looks like an end marker', () => {
    const key = Buffer.alloc(4);
    const lookalike = batchOf({ producerId: 1, baseOffset: 1, attributes: transaction, key, values: ['x'] });
    const log = Buffer.concat([of(1, 0, 'a0'), lookalike, of(1, 2, 'a1'), markerOf(3, 1, 'abort')]);
    expect(values(fetched(log, { aborted: [{ producerId: '1', firstOffset: 0 }] }))).toEqual([]);
  });

  test('that were aborted are skipped together with the end markers, and reading continues after them', () => {
    const batch = fetched(Buffer.concat([of(1, 0, 'a0'), markerOf(1, 1, 'abort')]), { aborted: aborted.slice(1) });
    expect(batch).toMatchObject({ records: { length: 0 }, nextOffset: 2, damage: null });
  });
});

describe('log cleaning', () => {
  test('an empty batch is read past', () => {
    const batch = fetched(batchOf({ baseOffset: 5, lastOffset: 9 }), { from: 7 });
    expect(batch).toMatchObject({ records: { length: 0 }, nextOffset: 10, damage: null });
  });

  test('a batch without its last records is read past to its end', () => {
    expect(fetched(batchOf({ baseOffset: 0, values: ['a'], lastOffset: 4 }))).toMatchObject({ nextOffset: 5 });
  });
});

test('records before the requested offset are left out', () => {
  expect(values(fetched(batchOf({ baseOffset: 10, values: ['a', 'b', 'c'] }), { from: 11 }))).toEqual(['b', 'c']);
});

test('an empty response holds nothing, and the next offset stays the same', () => {
  expect(fetched(Buffer.alloc(0), { from: 7 })).toMatchObject({ records: { length: 0 }, nextOffset: 7, damage: null });
});

test('what unpacks to much is read in several fetches', () => {
  const large = (baseOffset: number) =>
    batchOf({ baseOffset, attributes: 1, lastOffset: baseOffset, count: 0, body: gzipSync(Buffer.alloc(40 << 20)) });
  const log = Buffer.concat([0, 1, 2].map(large));
  expect(fetched(log)).toMatchObject({ nextOffset: 2, damage: null });
  expect(fetched(log.subarray(2 * (log.length / 3)), { from: 2 })).toMatchObject({ nextOffset: 3, damage: null });
});

describe('a batch with a correct checksum but senseless content is damage, which names its offset and its end', () => {
  const record = (...parts: readonly Buffer[]) => Buffer.concat(parts);
  const wholeFacts = [Buffer.from([0]), varint(0), varint(0)];
  test.each([
    ['an unknown codec', { attributes: 7, values: ['a'] }, /names the unknown codec 7/],
    [
      'bytes that are not gzip',
      { attributes: 1, body: Buffer.from('plain'), count: 1 },
      /cannot be unpacked: incorrect header check/,
    ],
    [
      'gzip that is cut off',
      { attributes: 1, body: gzipSync('x'.repeat(99)).subarray(0, 20), count: 1 },
      /cannot be unpacked/,
    ],
    ['fewer records than it counts', { values: ['a'], count: 2 }, /is cut off/],
    ['a record longer than the batch', { body: record(varint(50), ...wholeFacts), count: 1 }, /is cut off/],
    ['a key longer than the record', { body: record(varint(4), ...wholeFacts, varint(60)), count: 1 }, /is cut off/],
    [
      'headers that are records of their own in memory',
      { body: record(varint(5), ...wholeFacts, varint(-1), varint(-1), varint(2), Buffer.alloc(4)), count: 1 },
      /has 2 headers, which need more memory than max_unpacked_bytes \(300\)/,
    ],
    [
      'many records of nothing',
      { values: new Array(6).fill(''), lastOffset: 43 },
      /has 6 records, which need more memory than max_unpacked_bytes \(300\)/,
    ],
    [
      'more headers than bytes',
      { body: record(varint(10), ...wholeFacts, varint(-1), varint(-1), varint(2 ** 40)), count: 1 },
      /is cut off/,
    ],
    ['a number without an end', { body: Buffer.alloc(30, 0xff), count: 1 }, /is cut off/],
  ])('%s', (_, given, message) => {
    const bytes = batchOf({ baseOffset: 41, lastOffset: 43, ...given });
    const maxUnpackedBytes = message.source.includes('300') ? 300 : undefined;
    for (const from of [41, 43]) {
      const found = fetched(bytes, { from, ...(maxUnpackedBytes && { maxUnpackedBytes }) });
      expect(found).toMatchObject({ records: { length: 0 }, nextOffset: 44, damage: { to: 44 } });
      expect(found.damage?.reason).toMatch(message);
      expect(found.damage?.reason).toMatch(/^the record batch at offset 41 /);
    }
  });

  test('behind good batches: the fetch returns the good ones, and the next fetch begins with the damage', () => {
    const good = batchOf({ baseOffset: 40, values: ['good'] });
    const log = Buffer.concat([good, batchOf({ baseOffset: 41, values: ['a'], count: 2 })]);
    const batch = fetched(log, { from: 40 });
    expect(values(batch)).toEqual(['good']);
    expect(batch).toMatchObject({ nextOffset: 41, damage: null });
    expect(fetched(log, { from: 41 }).damage).toEqual({
      reason: 'the record batch at offset 41 has a record that is cut off',
      to: 42,
    });
  });
});

describe('where a damaged batch ends', () => {
  const flipped = (lastOffset: number, ...following: readonly Buffer[]) => {
    const batch = batchOf({ baseOffset: 41, values: ['a', 'b'], lastOffset });
    batch[batch.length - 3]! ^= 1;
    return Buffer.concat([batch, ...following]);
  };
  const crc = 'the record batch at offset 41 fails its CRC-32C';
  const behind = batchOf({ baseOffset: 43, values: ['c'] });
  const withLength = (length: number) => {
    const batch = batchOf({ baseOffset: 41, values: ['a'] });
    batch.writeInt32BE(length, 8);
    return batch;
  };
  test.each<[string, Buffer, string, number | null]>([
    ['is what its header says', flipped(42), crc, 43],
    ['is where the next one begins, when that one is there too', flipped(77, behind), crc, 43],
    ['is unknown when the header says more than the log holds', flipped(200), crc, null],
    ['is unknown when the header says less than what was asked for', flipped(39), crc, null],
    [
      'is unknown when its length is below that of a header',
      withLength(20),
      'the record batch at offset 41 is shorter than its header',
      null,
    ],
    [
      'is unknown when its length is beyond what the broker sent',
      withLength(5_000),
      'the record batch at offset 41 is longer than what the broker sent',
      null,
    ],
    [
      'is unknown when the head is not whole',
      withLength(5_000).subarray(0, 40),
      'the record batch at offset 41 is longer than what the broker sent',
      null,
    ],
  ])('%s', (_, bytes, reason, to) => {
    expect(fetched(bytes, { from: 41, high: 100 }).damage).toEqual({ reason, to });
  });
});

test('a batch for which there is no memory is no damage: it is fetched again later', () => {
  const messages = batchOf({ baseOffset: 41, attributes: 1, values: ['a'] });
  const data = { partition: 3, highWatermark: '100', logStart: 0, abortedTransactions: [], messages };
  const unpack = (): Buffer => {
    throw new RangeError('Array buffer allocation failed');
  };
  expect(() => readFetched(new FetchedBatch('t', '41', data), [unpack, unpack], 1 << 20)).toThrow(
    expect.objectContaining({
      code: 'OUT_OF_MEMORY',
      retry: true,
      message: 'no memory is left to unpack the records of t/3 from offset 41 on',
    }),
  );
});
