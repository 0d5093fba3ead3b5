import { describe, expect, test } from 'vitest';
import { bookmarkOf, decodeBookmark, encodeBookmark } from '../../../../connectors/kafka/reading/bookmark.ts';
import type { PartitionReading } from '../../../../connectors/kafka/reading/partition-reading.ts';
import type { FetchedRecords } from '../../../../connectors/kafka/records/fetched-records.ts';
import type { BatchLimits } from '../../../../pipeline/ports.ts';
import { fetched, log, partition, readingOf, recordAt, storedAt } from '../../../support/kafka/fetched-ranges.ts';

const limits = { batchRecords: 100, batchBytes: 1_000_000 };
const readBefore = () => readingOf(storedAt(10, 9));

/** The batches as texts: `[from, to) of <offsets of the records>`. */
function cut(
  reading: PartitionReading,
  fetch: FetchedRecords,
  more: Partial<BatchLimits> = {},
  lost?: { from: number; to: number },
) {
  const gap = lost === undefined ? null : { ...lost, reason: 'gone' };
  return Array.from(reading.cut(fetch, { ...limits, ...more }, gap), ({ from, next, records, lost: gapOf }) => {
    const offsets = Array.from(records, ({ offset }) => offset);
    return `[${from}, ${next.nextOffset}) of ${offsets.join(' ')}${gapOf === undefined ? '' : ` lost ${gapOf.from}-${gapOf.to}`}`;
  });
}

describe('reading starts', () => {
  test.each([
    ['at the start of the log, if nothing was ever read', readingOf(), 4, 4],
    ['at the last record, to see that it is the same', readBefore(), 4, 9],
    ['at the next offset, if no record was ever stored', readingOf(storedAt(10, null)), 4, 10],
    ['at the last record even if the log begins after it (`decideFetch` finds the lost records)', readBefore(), 25, 9],
  ])('%s', (_, reading, low, start) => {
    expect(reading.assign(low)).toBe(start);
    expect(reading.fetchOffset).toBe(start);
  });

  test('nowhere before the first assignment of a partition that was never read', () => {
    const reading = readingOf();
    expect([reading.fetchOffset, reading.position, reading.bookmark]).toEqual([null, null, null]);
  });

  test('at the next offset once the last record was verified, and at the last record again after a new assignment', () => {
    const reading = readBefore();
    reading.assign(0);
    expect(reading.compare(fetched(9, [9, 10]))).toBe('follows');
    expect(reading.fetchOffset).toBe(10);
    expect(reading.assign(0)).toBe(9);
    expect(reading.compare(fetched(10, [10]))).toBe('unproven');
  });

  test('at the current start of the log, while nothing was passed on since the first assignment', () => {
    const reading = readingOf();
    expect([reading.assign(4), reading.assign(6)]).toEqual([4, 6]);
    const [batch] = reading.cut(fetched(6, [6]), limits);
    reading.advance(batch!);
    expect(reading.assign(8)).toBe(6);
    expect(reading.position).toBe(7);
  });
});

describe('a fetch begins', () => {
  test.each([
    ['anywhere, for a partition without a position', readingOf(), fetched(99, [99]), 'follows'],
    ['after the next offset', readBefore(), fetched(11, [11]), 'gap'],
    ['at the next offset, unproven', readBefore(), fetched(10, [10]), 'unproven'],
    ['at the last record', readBefore(), fetched(9, [9, 10]), 'follows'],
    [
      'at the offset of the last record, where another one lies',
      readBefore(),
      fetched(9, [9], { content: 'other' }),
      'changed',
    ],
    ['before the last record, which is missing', readBefore(), fetched(8, [8, 10]), 'changed'],
    ['and ends before the last record', readBefore(), fetched(3, [3, 4]), 'old'],
    ['before the last record and ends at it', readBefore(), fetched(3, [8]), 'old'],
    ['before the next offset, without a record to compare', readingOf(storedAt(10, null)), fetched(3, [3]), 'follows'],
  ])('%s', (_, reading, fetch, relation) => {
    expect(reading.compare(fetch)).toBe(relation);
  });
});

describe('a fetch is cut', () => {
  test.each<readonly [string, PartitionReading, FetchedRecords, Partial<BatchLimits>, readonly string[]]>([
    ['into one batch when it is small', readBefore(), fetched(10, [10, 11, 12]), {}, ['[10, 13) of 10 11 12']],
    ['without the records that were passed on before', readBefore(), fetched(7, [7, 9, 10]), {}, ['[10, 11) of 10']],
    ['into nothing when no record is new', readBefore(), fetched(7, [7, 9]), {}, []],
    [
      'into an empty batch when offsets pass without a record',
      readBefore(),
      fetched(10, [], { nextOffset: 14 }),
      {},
      ['[10, 14) of '],
    ],
    [
      'with the offsets after its last record',
      readBefore(),
      fetched(10, [10], { nextOffset: 14 }),
      {},
      ['[10, 14) of 10'],
    ],
    ['from its beginning when nothing was read', readingOf(), fetched(5, [6]), {}, ['[5, 7) of 6']],
    [
      'after the allowed number of records',
      readBefore(),
      fetched(10, [10, 11, 15, 16, 17], { nextOffset: 20 }),
      { batchRecords: 2 },
      ['[10, 15) of 10 11', '[15, 17) of 15 16', '[17, 20) of 17'],
    ],
    [
      'into one batch when the records are as many as allowed',
      readBefore(),
      fetched(10, [10, 11]),
      { batchRecords: 2 },
      ['[10, 12) of 10 11'],
    ],
    [
      'before the bytes exceed the limit',
      readBefore(),
      fetched(10, [10, 11, 12]),
      { batchBytes: 2 * 'same 10'.length },
      ['[10, 12) of 10 11', '[12, 13) of 12'],
    ],
    [
      'so that a record over the limit is alone in its batch',
      readBefore(),
      fetched(10, [10, 11]),
      { batchBytes: 1 },
      ['[10, 11) of 10', '[11, 12) of 11'],
    ],
  ])('%s', (_, reading, fetch, more, batches) => {
    expect(cut(reading, fetch, more)).toEqual(batches);
  });

  test('after a gap of lost records, which only the first batch reports', () => {
    const lost = { from: 10, to: 25 };
    expect(cut(readBefore(), fetched(25, [25, 26]), { batchRecords: 1 }, lost)).toEqual([
      '[25, 26) of 25 lost 10-25',
      '[26, 27) of 26',
    ]);
  });

  test('into batches with the partition, its origin, the bytes and the bookmark of the last record', () => {
    const [batch] = readBefore().cut(fetched(10, [10, 11], { nextOffset: 20 }), limits);
    expect(batch).toMatchObject({ partition, origin: 'kafka c', bytesRead: 'same 10same 11'.length });
    expect(decodeBookmark(batch!.next.bookmark)).toEqual(bookmarkOf(log, recordAt(11)));
    expect(batch).not.toHaveProperty('lost');
  });

  test('into a batch without a record that keeps the bookmark, or has none when there was none', () => {
    const passing = fetched(10, [], { nextOffset: 14 });
    const bookmarkAfter = (reading: PartitionReading) => Array.from(reading.cut(passing, limits))[0]!.next.bookmark;
    expect(bookmarkAfter(readBefore())).toBe(encodeBookmark(bookmarkOf(log, recordAt(9))));
    expect(bookmarkAfter(readingOf(storedAt(10, null)))).toBeNull();
  });
});

test('a batch that was passed on moves position and bookmark; one that was not is cut again', () => {
  const reading = readBefore();
  const fetch = fetched(10, [10, 11, 12]);
  const [first] = reading.cut(fetch, { ...limits, batchRecords: 1 });
  expect(cut(reading, fetch), 'not passed on').toEqual(['[10, 13) of 10 11 12']);
  reading.advance(first!);
  expect([reading.position, reading.bookmark]).toEqual([11, bookmarkOf(log, recordAt(10))]);
  expect(cut(reading, fetch)).toEqual(['[11, 13) of 11 12']);
});
