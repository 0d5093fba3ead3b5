import { describe, expect, test } from 'vitest';
import { judgeCompleteness } from '../../../pipeline/completeness/verdict.ts';

const timeTo = Date.parse('2026-03-01T10:00:00.000Z');
const position = (topic: string, partition: number, watermark: number | null) => ({
  partition: { topic, partition },
  origin: topic,
  nextOffset: 10,
  bookmark: null,
  watermark,
});
const noLog = { ends: null, at: timeTo };
const judge = (watermarks: readonly (number | null)[], allowedLatenessMs = 0, splitServices = 0) =>
  judgeCompleteness({
    seen: noLog,
    lostRecords: 0,
    positions: watermarks.map((watermark, index) => position('calls', index, watermark)),
    timeTo,
    allowedLatenessMs,
    splitServices,
  });

// contract 4.20
test.each([
  ['the watermark is exactly at the end of the window', [timeTo], 0],
  ['the watermark is beyond the end', [timeTo + 1], 0],
  ['the watermark has passed the lateness too', [timeTo + 5000], 5000],
  ['every watermark has passed the end', [timeTo, timeTo + 1, timeTo + 99], 0],
])('complete: %s', (_, watermarks, lateness) => {
  expect(judge(watermarks, lateness)).toEqual({ status: 'complete', reasons: [] });
});

// contract 4.20
test.each([
  [
    'a millisecond is missing',
    [timeTo - 1],
    0,
    [/^calls\/0: watermark 2026-03-01T09:59:59\.999Z .*2026-03-01T10:00:00\.000Z$/],
  ],
  ['lateness is not over', [timeTo + 4999], 5000, [/^calls\/0: .*has not passed 2026-03-01T10:00:05\.000Z$/]],
  ['no event time is known', [null], 0, [/^calls\/0: watermark not known/]],
  ['two of three partitions lag', [timeTo, null, timeTo - 1], 0, [/^calls\/1: /, /^calls\/2: /]],
  ['nothing was ever ingested', [], 0, [/nothing was ever ingested/]],
])('provisional: %s', (_, watermarks, lateness, reasons) => {
  const judged = judge(watermarks, lateness);
  expect(judged.status).toBe('provisional');
  expect(judged.reasons).toEqual(reasons.map(reason => expect.stringMatching(reason)));
});

test('provisional: split services, even when all watermarks have passed (contract 4.20)', () => {
  expect(judge([timeTo], 0, 2)).toEqual({
    status: 'provisional',
    reasons: ['2 of the services have events in more than one partition'],
  });
});

describe('an idle partition, whose watermark lags (contract 4.20)', () => {
  const ends = (high: number) => [{ partition: { topic: 'calls', partition: 0 }, low: 0, high }];
  const judgeSeen = (seen: { readonly ends: ReturnType<typeof ends> | null; readonly at: number }, nextOffset = 10) =>
    judgeCompleteness({
      positions: [{ ...position('calls', 0, timeTo - 60_000), nextOffset }],
      seen,
      timeTo,
      allowedLatenessMs: 5_000,
      splitServices: 0,
      lostRecords: 0,
    });

  test('is complete once the clock has passed the lateness and all its records are stored', () => {
    expect(judgeSeen({ ends: ends(10), at: timeTo + 5_000 }).status).toBe('complete');
  });

  test.each([
    [
      'the clock has not passed the lateness',
      { ends: ends(10), at: timeTo + 4_999 },
      /watermark .* has not passed .*05\.000Z$/,
    ],
    ['a record is not stored', { ends: ends(11), at: timeTo + 5_000 }, /and 1 records of it are not stored$/],
    ['the log does not answer', { ends: null, at: timeTo + 5_000 }, /watermark/],
  ])('is a reason while %s', (_, seen, reason) => {
    expect(judgeSeen(seen)).toEqual({ status: 'provisional', reasons: [expect.stringMatching(reason)] });
  });

  test('is a reason when none of its records is stored, unless it is empty', () => {
    const other = (high: number) => ({ partition: { topic: 'calls', partition: 7 }, low: 3, high });
    expect(judgeSeen({ ends: [...ends(10), other(4)], at: timeTo + 5_000 }).reasons).toEqual([
      expect.stringMatching(/^calls\/7: watermark not known/),
    ]);
    expect(judgeSeen({ ends: [...ends(10), other(3)], at: timeTo + 5_000 }).status).toBe('complete');
  });
});

test('provisional: records that the log had deleted before they were read (contract 4.20)', () => {
  const input = { positions: [position('calls', 0, timeTo)], seen: noLog, timeTo, allowedLatenessMs: 0 };
  expect(judgeCompleteness({ ...input, splitServices: 0, lostRecords: 5 })).toEqual({
    status: 'provisional',
    reasons: ['5 offsets were deleted from the log before they were read'],
  });
});

describe('a log that could not be looked at (contract 4.20)', () => {
  const input = { timeTo, allowedLatenessMs: 0, splitServices: 0, lostRecords: 0 };
  const positions = [position('calls', 0, timeTo)];
  const reasons = ['the log could not be looked at'];

  test('makes every window provisional: it may have partitions of which nothing is stored', () => {
    const seen = { ends: null, at: timeTo, lookFailed: true };
    expect(judgeCompleteness({ ...input, positions, seen })).toEqual({ status: 'provisional', reasons });
  });

  test('is not the same as having no log', () => {
    expect(judgeCompleteness({ ...input, positions, seen: noLog }).status).toBe('complete');
  });
});
