import { describe, expect, test } from 'vitest';
import { bookmarkOf, decodeBookmark, encodeBookmark } from '../../../../connectors/kafka/reading/bookmark.ts';
import type { CutLimits, Fetched, PartitionReading } from '../../../../connectors/kafka/reading/partition-reading.ts';
import { fetched, log, partition, readingOf, recordAt, storedAt } from '../../../support/kafka/judged.ts';

const limits = { batchRecords: 100, batchBytes: 1_000_000 };
const readBefore = () => readingOf(storedAt(10, 9));

/** Batches in short: `[from, to) of the offsets of their records`. */
function cut(
  reading: PartitionReading,
  fetch: Fetched,
  more: Partial<CutLimits> = {},
  lost?: { from: number; to: number },
) {
  const gap = lost === undefined ? null : { ...lost, reason: 'gone' };
  return Array.from(reading.cut(fetch, { ...limits, ...more }, gap), ({ from, next, records, lost: told }) => {
    const offsets = Array.from(records, ({ offset }) => offset);
    return `[${from}, ${next.nextOffset}) of ${offsets.join(' ')}${told === undefined ? '' : ` lost ${told.from}-${told.to}`}`;
  });
}

describe('reading starts', () => {
  test.each([
    ['where the log begins, if nothing was ever read', readingOf(), 4, 4],
    ['at the last record again, to see that it is the same', readBefore(), 4, 9],
    ['at what comes next, if no record was ever stored', readingOf(storedAt(10, null)), 4, 10],
    ['at the last record even if the log begins behind it: the judge finds what is lost', readBefore(), 25, 9],
  ])('%s', (_, reading, low, start) => {
    expect(reading.assign(low)).toBe(start);
    expect(reading.start).toBe(start);
  });

  test('nowhere before an assignment, of what was never read', () => {
    const reading = readingOf();
    expect([reading.start, reading.position, reading.bookmark]).toEqual([null, null, null]);
  });

  test('at what comes next once the last record was seen; after a new assignment it is looked at again', () => {
    const reading = readBefore();
    reading.assign(0);
    expect(reading.place(fetched(9, [9, 10]))).toBe('follows');
    expect(reading.start).toBe(10);
    expect(reading.assign(0)).toBe(9);
    expect(reading.place(fetched(10, [10]))).toBe('unproven');
  });

  test('anew where the log begins now, while nothing was handed on since the first assignment', () => {
    const reading = readingOf();
    expect([reading.assign(4), reading.assign(6)]).toEqual([4, 6]);
    const [batch] = reading.cut(fetched(6, [6]), limits);
    reading.advance(batch!);
    expect(reading.assign(8)).toBe(6);
    expect(reading.position).toBe(7);
  });
});

describe('a fetch lies', () => {
  test.each([
    ['anywhere for a partition without a position', readingOf(), fetched(99, [99]), 'follows'],
    ['behind what is next', readBefore(), fetched(11, [11]), 'gap'],
    ['at what is next, unproven', readBefore(), fetched(10, [10]), 'unproven'],
    ['at the last record', readBefore(), fetched(9, [9, 10]), 'follows'],
    ['at the last record, which is another', readBefore(), fetched(9, [9], { content: 'theirs' }), 'changed'],
    ['over the last record, which is not there', readBefore(), fetched(8, [8, 10]), 'changed'],
    ['before the last record', readBefore(), fetched(3, [3, 4]), 'old'],
    ['up to the last record', readBefore(), fetched(3, [8]), 'old'],
    ['before what is next, without a record to compare', readingOf(storedAt(10, null)), fetched(3, [3]), 'follows'],
  ])('%s', (_, reading, fetch, place) => {
    expect(reading.place(fetch)).toBe(place);
  });
});

describe('a fetch is cut', () => {
  test.each<readonly [string, PartitionReading, Fetched, Partial<CutLimits>, readonly string[]]>([
    ['whole where it is small', readBefore(), fetched(10, [10, 11, 12]), {}, ['[10, 13) of 10 11 12']],
    ['without what was handed on before', readBefore(), fetched(7, [7, 9, 10]), {}, ['[10, 11) of 10']],
    ['to nothing where nothing is new', readBefore(), fetched(7, [7, 9]), {}, []],
    [
      'to an empty batch where offsets pass without a record',
      readBefore(),
      fetched(10, [], { nextOffset: 14 }),
      {},
      ['[10, 14) of '],
    ],
    [
      'with the offsets behind its last record',
      readBefore(),
      fetched(10, [10], { nextOffset: 14 }),
      {},
      ['[10, 14) of 10'],
    ],
    ['from its beginning where nothing was read', readingOf(), fetched(5, [6]), {}, ['[5, 7) of 6']],
    [
      'after so many records',
      readBefore(),
      fetched(10, [10, 11, 15, 16, 17], { nextOffset: 20 }),
      { batchRecords: 2 },
      ['[10, 15) of 10 11', '[15, 17) of 15 16', '[17, 20) of 17'],
    ],
    [
      'into one where the records are as many as allowed',
      readBefore(),
      fetched(10, [10, 11]),
      { batchRecords: 2 },
      ['[10, 12) of 10 11'],
    ],
    [
      'before the bytes are more than allowed',
      readBefore(),
      fetched(10, [10, 11, 12]),
      { batchBytes: 2 * 'ours 10'.length },
      ['[10, 12) of 10 11', '[12, 13) of 12'],
    ],
    [
      'so that a record over the limit comes alone',
      readBefore(),
      fetched(10, [10, 11]),
      { batchBytes: 1 },
      ['[10, 11) of 10', '[11, 12) of 11'],
    ],
  ])('%s', (_, reading, fetch, more, batches) => {
    expect(cut(reading, fetch, more)).toEqual(batches);
  });

  test('behind what was lost, which the first batch alone tells', () => {
    const lost = { from: 10, to: 25 };
    expect(cut(readBefore(), fetched(25, [25, 26]), { batchRecords: 1 }, lost)).toEqual([
      '[25, 26) of 25 lost 10-25',
      '[26, 27) of 26',
    ]);
  });

  test('into batches with the partition, its origin, the bytes and the bookmark of the last record', () => {
    const [batch] = readBefore().cut(fetched(10, [10, 11], { nextOffset: 20 }), limits);
    expect(batch).toMatchObject({ partition, origin: 'kafka c', bytesRead: 'ours 10ours 11'.length });
    expect(decodeBookmark(batch!.next.bookmark)).toEqual(bookmarkOf(log, recordAt(11)));
    expect(batch).not.toHaveProperty('lost');
  });

  test('into a batch without a record that keeps the bookmark, or has none where there was none', () => {
    const passing = fetched(10, [], { nextOffset: 14 });
    const bookmarkAfter = (reading: PartitionReading) => Array.from(reading.cut(passing, limits))[0]!.next.bookmark;
    expect(bookmarkAfter(readBefore())).toBe(encodeBookmark(bookmarkOf(log, recordAt(9))));
    expect(bookmarkAfter(readingOf(storedAt(10, null)))).toBeNull();
  });
});

test('a batch that was taken moves position and bookmark; one that was not is cut again', () => {
  const reading = readBefore();
  const fetch = fetched(10, [10, 11, 12]);
  const [first] = reading.cut(fetch, { ...limits, batchRecords: 1 });
  expect(cut(reading, fetch), 'not taken').toEqual(['[10, 13) of 10 11 12']);
  reading.advance(first!);
  expect([reading.position, reading.bookmark]).toEqual([11, bookmarkOf(log, recordAt(10))]);
  expect(cut(reading, fetch)).toEqual(['[11, 13) of 11 12']);
});
