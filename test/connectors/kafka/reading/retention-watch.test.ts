import { expect, test } from 'vitest';
import { RetentionWatch } from '../../../../connectors/kafka/reading/retention-watch.ts';
import type { LogEnd, RecordBatch } from '../../../../pipeline/ports.ts';

const hourMs = 3_600_000;
const day = Date.parse('2026-03-10T00:00:00Z');
const partition = { topic: 'calls', partition: 0 };

const ending = (high: number): readonly LogEnd[] => [{ partition, low: 0, stable: high, high }];

function batch(from: number, ...ages: readonly (number | null)[]): RecordBatch {
  const records = ages.map((age, index) => ({
    offset: from + index,
    timestamp: age === null ? null : day - age * hourMs,
    key: null,
    value: null,
    headers: [],
  }));
  const next = { nextOffset: from + ages.length, bookmark: null };
  return { partition, kind: 'live', origin: 'kafka test', records, from, next, bytesRead: 0 };
}

const watching = (topic = 'calls') => new RetentionWatch(new Map([[topic, 24 * hourMs]]));

test('a record that was older than the retention when it was written is reported', () => {
  const watch = watching();
  watch.observeEnds(ending(2), day);
  expect(watch.checkBatch(batch(0, 720, 720))).toBeNull();
  expect(watch.checkBatch(batch(2, 0, 25))).toEqual({
    topic: 'calls',
    kind: 'near_retention',
    weight: 'warn',
    sentence: expect.stringMatching(
      /24 h.*offset 3 of partition 0 was already older when it was written \(2026-03-08T23:00:00\.000Z\)/,
    ),
  });
});

test.each([
  ['that lay in the log when its end was first seen', ending(9), batch(0, 720)],
  ['whose time lies within the retention', ending(0), batch(0, 24)],
  ['without a timestamp', ending(0), batch(0, null)],
])('a record %s is not reported', (_, ends, read) => {
  const watch = watching();
  watch.observeEnds(ends, day);
  expect(watch.checkBatch(read)).toBeNull();
});

test('a reader that is a month behind reports no record that was young when it was written', () => {
  const watch = watching();
  for (let hour = 0; hour < 720; hour += 1) watch.observeEnds(ending(hour + 1), day + hour * hourMs);
  // Each record has the time at which the log was last seen to end before it.
  for (let hour = 1; hour < 720; hour += 1) expect(watch.checkBatch(batch(hour, -(hour - 1)))).toBeNull();
});

test('an end of the log that does not move counts with the latest time at which it was seen', () => {
  const watch = watching();
  watch.observeEnds(ending(0), day - 720 * hourMs);
  watch.observeEnds(ending(0), day);
  expect(watch.checkBatch(batch(0, 25))).not.toBeNull();
});

test('a topic gives one warning, and one that is not watched gives none', () => {
  const watch = watching();
  watch.observeEnds(ending(0), day);
  expect(watch.checkBatch(batch(0, 25))).not.toBeNull();
  expect(watch.checkBatch(batch(1, 25))).toBeNull();
  const other = watching('others');
  other.observeEnds(ending(0), day);
  expect(other.checkBatch(batch(0, 25))).toBeNull();
});
