import { expect, test } from 'vitest';
import { LatenessBook } from '../../../ops/service/lateness-seen.ts';

const partition = { topic: 'calls', partition: 0 };

function seen(...batches: readonly (readonly number[])[]) {
  const book = new LatenessBook();
  for (const lateness of batches) book.add({ partition, lateness });
  return book.of('calls/0');
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

test.each([
  ['one event', [[7]], { p50: 7, p99: 7, max: 7 }],
  ['a hundred, in any order', [upTo(100).toReversed()], { p50: 51, p99: 100, max: 100 }],
  ['a thousand in many batches', upTo(1_000).map(one => [one]), { p50: 501, p99: 991, max: 1_000 }],
  ['the last 10,000', [[99_999], upTo(10_000)], { p50: 5_001, p99: 9_901, max: 10_000 }],
  ['the last 10,000, with one of the first', [[99_999], upTo(9_999)], { p50: 5_001, p99: 9_901, max: 99_999 }],
  [
    'the last 10,000 of a larger batch',
    [[...Array(5).fill(99_999), ...upTo(10_000)]],
    { p50: 5_001, p99: 9_901, max: 10_000 },
  ],
  [
    'the last 10,000, again and again',
    [...Array(7).fill(Array(7_001).fill(99_999)), upTo(10_000)],
    { p50: 5_001, p99: 9_901, max: 10_000 },
  ],
])('the lateness seen is that of %s', (_, batches, wanted) => {
  expect(seen(...batches)).toEqual(wanted);
});

test('a partition without an event that has a record time has none', () => {
  expect(seen()).toBeNull();
  expect(seen([])).toBeNull();
});

test('each partition has its own, which grows with its next batch', () => {
  const book = new LatenessBook();
  book.add({ partition, lateness: [5] });
  book.add({ partition: { ...partition, partition: 1 }, lateness: [70] });
  expect([book.of('calls/0')?.max, book.of('calls/1')?.max, book.of('calls/2')]).toEqual([5, 70, null]);
  book.add({ partition, lateness: [6] });
  expect(book.of('calls/0')).toEqual({ p50: 6, p99: 6, max: 6 });
});
