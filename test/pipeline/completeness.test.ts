import { expect, test } from 'vitest';
import { judgeCompleteness } from '../../pipeline/completeness.ts';

const timeTo = Date.parse('2026-03-01T10:00:00.000Z');
const position = (topic: string, partition: number, watermark: number | null) => ({
  partition: { topic, partition },
  origin: topic,
  nextOffset: 10,
  bookmark: null,
  watermark,
});
const judge = (watermarks: readonly (number | null)[], allowedLatenessMs = 0, splitServices = 0) =>
  judgeCompleteness({
    positions: watermarks.map((watermark, index) => position('calls', index, watermark)),
    timeTo,
    allowedLatenessMs,
    splitServices,
  });

test.each([
  ['the watermark is exactly at the end of the window', [timeTo], 0],
  ['it is beyond it', [timeTo + 1], 0],
  ['it has passed the lateness too', [timeTo + 5000], 5000],
  ['it is so in every partition', [timeTo, timeTo + 1, timeTo + 99], 0],
])('complete: %s', (_, watermarks, lateness) => {
  expect(judge(watermarks, lateness)).toEqual({ status: 'complete', reasons: [] });
});

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

test('provisional: services without order in the log, also where all watermarks have passed', () => {
  expect(judge([timeTo], 0, 2)).toEqual({
    status: 'provisional',
    reasons: ['2 of the services have events in more than one partition'],
  });
});
