import { describe, expect, test } from 'vitest';
import { partitionStatuses } from '../../../ops/service/partition-status.ts';
import { StoredBatches } from '../../../ops/service/stored-batches.ts';
import type { Source } from '../../../pipeline/completeness/sources.ts';
import { batchFacts, endedFile, liveSource, sourcesOf } from '../../support/event-sources.ts';

const lateness = { allowedMs: 3_000, clockMs: 10_000 };
const now = Date.parse('2026-03-01T10:00:00Z');

function statusOf(source: Source, batches: StoredBatches | null = null) {
  const [found] = partitionStatuses(sourcesOf([source]), { batches, lateness, now });
  return found!;
}

const unstored = { firstOffset: null, nextOffset: null, recordsRead: 0 };
const look = (stable: number, high = stable) => ({ at: now - 1_000, stable, high });

test('a partition that was never stored lags by the records that the log still holds', () => {
  expect(statusOf(liveSource(0, { ...unstored, assignedAt: 100, look: look(130) }))).toMatchObject({
    topic: 'calls',
    partition: 0,
    stored_offset: 100,
    log_end: 130,
    lag_records: 30,
  });
});

describe('the lag is counted up to the high watermark (contract 4.22)', () => {
  test.each([
    ['an open transaction hides records', look(10, 15), { log_end: 15, lag_records: 5, lag_seconds: null }],
    ['all is stored', look(10), { log_end: 10, lag_records: 0, lag_seconds: 0 }],
    ['more is stored than the last look found', look(8), { log_end: 8, lag_records: 0, lag_seconds: 0 }],
    ['no look was answered yet', null, { log_end: null, lag_records: null, lag_seconds: null }],
  ])('%s', (_, looked, wanted) => {
    expect(statusOf(liveSource(0, { look: looked }))).toMatchObject(wanted);
  });

  test('it is not known of a partition that this process does not read', () => {
    expect(statusOf(liveSource(0, { assignedAt: null, look: look(15, 20) }))).toMatchObject({
      stored_offset: 10,
      log_end: null,
      lag_records: null,
      lag_seconds: null,
      open_transaction_seconds: null,
    });
  });

  test('in seconds it is the age of the newest stored record', () => {
    const batches = new StoredBatches();
    batches.add(batchFacts({ lastRecordTime: now - 2_500 }));
    expect(statusOf(liveSource(0, { look: look(15) }), batches).lag_seconds).toBe(2.5);
    batches.add(batchFacts({ lastRecordTime: now + 2_500 }));
    expect(statusOf(liveSource(0, { look: look(15) }), batches).lag_seconds).toBe(0);
  });
});

describe('the lag in seconds of a partition of which this process has stored nothing yet', () => {
  test.each<[string, Partial<Source>, number | null]>([
    ['counts from when it was last stored to its end', { vouchedAt: now - 90_000 }, 90],
    ['counts from when its records were first seen', { ...unstored, pending: [{ at: now - 4_000, high: 15 }] }, 4],
    ['is not known before a look', { look: null }, null],
  ])('%s', (_, changes, seconds) => {
    const source = liveSource(0, { look: look(15), ...changes });
    expect(statusOf(source, new StoredBatches()).lag_seconds).toBe(seconds);
  });
});

test('a look that is more than ten seconds old says nothing about the lag', () => {
  const old = liveSource(0, { look: { at: now - 10_001, stable: 10, high: 10 }, vouchedAt: now - 10_001 });
  expect(statusOf(old)).toMatchObject({ log_end: 10, lag_records: null, lag_seconds: null });
  const fresh = liveSource(0, { look: { at: now - 10_000, stable: 10, high: 10 } });
  expect(statusOf(fresh)).toMatchObject({ log_end: 10, lag_records: 0, lag_seconds: 0 });
});

test.each([
  ['the time since its last stable offset moved', { look: look(10, 15), stableSince: now - 90_500 }, 90.5],
  ['0 where the last stable offset is the end', { look: look(15), stableSince: now - 90_500 }, 0],
  ['0 where the offset was seen by an earlier process only', { look: look(10, 15), stableSince: null }, 0],
])('how long a transaction is open is %s', (_, changes, seconds) => {
  expect(statusOf(liveSource(0, changes)).open_transaction_seconds).toBe(seconds);
});

test.each<[string, Source, string | null]>([
  ['that is live', liveSource(0, { vouchedAt: now }), '2026-03-01T09:59:50.000Z'],
  ['of which no look is stored', liveSource(0), null],
  ['that has ended', endedFile('a', { latestEvent: now }), '2026-03-01T09:59:57.000Z'],
  ['that is not finished', endedFile('a', { latestEvent: now, end: null }), null],
])('the watermark of a source %s (contract 4.21)', (_, source, watermark) => {
  expect(statusOf(source).watermark).toBe(watermark);
});

test('the lateness is that of the events that this process stored', () => {
  const batches = new StoredBatches();
  expect(statusOf(liveSource(0), batches).lateness_ms).toBeNull();
  batches.add(batchFacts({ lateness: [10, 30, 20] }));
  expect(statusOf(liveSource(0), batches).lateness_ms).toEqual({ p50: 20, p99: 30, max: 30 });
  expect(statusOf(liveSource(1), batches).lateness_ms).toBeNull();
});

test('partitions are in the order of topics, and then of numbers', () => {
  const names = [
    ['calls', 10],
    ['calls', 2],
    ['a/b', 3],
  ] as const;
  const all = names.map(([topic, partition]) => liveSource(0, { partition: { topic, partition } }));
  const found = partitionStatuses(sourcesOf(all), { batches: null, lateness, now });
  expect(found.map(of => `${of.topic} ${of.partition}`)).toEqual(['a/b 3', 'calls 2', 'calls 10']);
});
