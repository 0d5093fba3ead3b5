import { expect, test } from 'vitest';
import { partitionStatuses } from '../../../ops/service/partition-status.ts';

const partition = { topic: 'calls', partition: 0 };
const facts = { recordTimes: new Map<string, number>(), now: 10_000 };

test('a partition that was never stored lags by the records that the log still holds', () => {
  const ends = [{ partition, low: 100, high: 130 }];
  expect(partitionStatuses({ ...facts, known: [], ends })).toMatchObject([
    { topic: 'calls', partition: 0, stored_offset: 100, log_end: 130, lag_records: 30 },
  ]);
});

test('partitions are in the order of topics, and then of numbers', () => {
  const names = [
    ['calls', 10],
    ['calls', 2],
    ['a/b', 3],
  ] as const;
  const ends = names.map(([topic, number]) => ({ partition: { topic, partition: number }, low: 0, high: 0 }));
  const found = partitionStatuses({ ...facts, known: [], ends });
  expect(found.map(of => `${of.topic} ${of.partition}`)).toEqual(['a/b 3', 'calls 2', 'calls 10']);
});
