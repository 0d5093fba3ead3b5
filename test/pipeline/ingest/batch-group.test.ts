import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { BatchGroup, type GroupedBatch } from '../../../pipeline/ingest/batch-group.ts';
import type { FoldedBatch } from '../../../pipeline/ingest/warehouse.ts';
import { batchFacts } from '../../support/event-sources.ts';

let stored: string[];
let group: BatchGroup;
beforeEach(() => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  stored = [];
  group = new BatchGroup(100, batches => stored.push(batches.map(nameOf).join(' ')));
});

const nameOf = ({ folded: { facts } }: GroupedBatch) => `${facts.partition.partition}:${facts.from}`;

function add(partition: number, services: readonly string[], recordsRead = 1, bytesRead = 1): void {
  const facts = batchFacts({ partition: { topic: 'calls', partition }, from: 0, recordsRead });
  const fragments = new Map(services.map(id => [id, {}])) as unknown as FoldedBatch['fragments'];
  group.add({ folded: { facts, fragments } as FoldedBatch, bytesRead });
}

test('small batches of several partitions are stored together, at most 100 ms after the first came', () => {
  add(0, ['a']);
  vi.advanceTimersByTime(60);
  add(1, ['b']);
  vi.advanceTimersByTime(39);
  expect(stored).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(stored).toEqual(['0:0 1:0']);
  add(2, ['c']);
  vi.advanceTimersByTime(99);
  expect(stored).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(stored).toEqual(['0:0 1:0', '2:0']);
});

test.each<[string, () => void]>([
  ['of the same partition', () => add(0, ['b'])],
  ['with a service that one before it has', () => add(1, ['b', 'a'])],
])('a batch %s waits for the next group', (_, addSecond) => {
  add(0, ['a']);
  addSecond();
  expect(stored).toEqual(['0:0']);
  vi.advanceTimersByTime(100);
  expect(stored).toHaveLength(2);
});

test.each<[string, number, number]>([
  ['many records', 2_000, 1],
  ['many bytes', 1, 1 << 20],
])('%s do not wait', (_, records, bytes) => {
  add(0, ['a']);
  add(1, ['b'], records, bytes);
  expect(stored).toEqual(['0:0 1:0']);
});

test('what is dropped is never stored', () => {
  add(0, ['a']);
  group.drop();
  vi.advanceTimersByTime(1_000);
  expect(stored).toEqual([]);
});

test('without a time to gather, each batch is stored at once', () => {
  group = new BatchGroup(0, batches => stored.push(batches.map(nameOf).join(' ')));
  add(0, ['a']);
  expect(stored).toEqual(['0:0']);
});
