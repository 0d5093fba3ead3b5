import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openCodecs } from '../../../../connectors/kafka/records/codecs.ts';
import {
  type AbortedTransaction,
  FetchedBatch,
  type RecordSet,
} from '../../../../connectors/kafka/records/fetched-batch.ts';
import { batchOf, markerOf, varint } from '../../../support/kafka/record-batch.ts';

const codecs = openCodecs();
const transaction = 0x10;

interface Fetch {
  readonly from?: number;
  readonly aborted?: readonly AbortedTransaction[];
}

function fetched(messages: RecordSet, { from = 0, aborted = [] }: Fetch = {}): FetchedBatch {
  const data = { partition: 3, highWatermark: '100', logStart: 0, messages, abortedTransactions: aborted };
  return new FetchedBatch('t', String(from), data, codecs);
}

const values = ({ messages }: FetchedBatch) => Array.from(messages, ({ value }) => String(value));
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
    expect(batch).toMatchObject({ messages: { length: 0 }, nextOffset: 2 });
    expect(batch.isEmpty()).toBe(false);
    expect(batch.lastOffset()).toBe('1');
  });
});

describe('log cleaning', () => {
  test('an empty batch is read past', () => {
    const batch = fetched(batchOf({ baseOffset: 5, lastOffset: 9 }), { from: 7 });
    expect(batch).toMatchObject({ messages: { length: 0 }, nextOffset: 10 });
    expect(batch.isEmpty()).toBe(false);
  });

  test('a batch without its last records is read past to its end', () => {
    expect(fetched(batchOf({ baseOffset: 0, values: ['a'], lastOffset: 4 }))).toMatchObject({ nextOffset: 5 });
  });
});

test('records before the requested offset are left out', () => {
  expect(values(fetched(batchOf({ baseOffset: 10, values: ['a', 'b', 'c'] }), { from: 11 }))).toEqual(['b', 'c']);
});

test('a response without a whole batch is empty, and the next offset stays the same', () => {
  for (const nothing of [[], Buffer.alloc(0), batchOf({ baseOffset: 7, values: ['a'] }).subarray(0, 40)]) {
    const batch = fetched(nothing, { from: 7 });
    expect(batch.isEmpty()).toBe(true);
    expect(batch.nextOffset).toBe(7);
  }
});

describe('a batch with a correct checksum but senseless content is refused, and the error names its offset', () => {
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
      'more headers than bytes',
      { body: record(varint(10), ...wholeFacts, varint(-1), varint(-1), varint(2 ** 40)), count: 1 },
      /is cut off/,
    ],
    ['a number without an end', { body: Buffer.alloc(30, 0xff), count: 1 }, /is cut off/],
  ])('%s', (_, given, message) => {
    const broken = () => fetched(batchOf({ baseOffset: 41, ...given }));
    expect(broken).toThrow(message);
    expect(broken).toThrow(/^t\/3: .*batch at offset 41/);
    expect(broken).toThrow(expect.objectContaining({ name: 'DamagedBatch', retriable: false }));
  });

  test('behind good batches: the fetch returns the good ones, and the next fetch throws', () => {
    const good = batchOf({ baseOffset: 40, values: ['good'] });
    const log = Buffer.concat([good, batchOf({ baseOffset: 41, values: ['a'], count: 2 })]);
    const batch = fetched(log, { from: 40 });
    expect(values(batch)).toEqual(['good']);
    expect(batch.nextOffset).toBe(41);
    expect(() => fetched(log, { from: 41 })).toThrow(/is cut off/);
  });

  test('a length shorter than the header', () => {
    const short = batchOf({ baseOffset: 41, values: ['a'] });
    short.writeInt32BE(20, 8);
    expect(() => fetched(short)).toThrow('t/3: the record batch at offset 41 is shorter than its header');
  });
});
