import v8 from 'node:v8';
import vm from 'node:vm';
import { expect, test } from 'vitest';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { foldBatch } from '../../../pipeline/ingest/batch-folding.ts';
import { ingest } from '../../../pipeline/ingest/ingest.ts';
import type { FoldedBatch, ReadingStore } from '../../../pipeline/ingest/warehouse.ts';
import { memorySource } from '../../support/memory-source.ts';

const update = { event: 'extension.updated', entity: 'service', name: 'n', value: 1 };

/** Stores a batch when it is told to, in the order in which they came. */
class SlowWarehouse implements ReadingStore {
  readonly came: { readonly from: number; readonly fragments: WeakRef<object> }[] = [];
  readonly #waiting: {
    readonly resolve: (contradicted: readonly string[]) => void;
    readonly reject: (error: unknown) => void;
  }[] = [];

  positions(): readonly [] {
    return [];
  }

  beginReading(): readonly [] {
    return [];
  }

  store({ facts, fragments }: FoldedBatch): Promise<readonly string[]> {
    this.came.push({ from: facts.from, fragments: new WeakRef(fragments) });
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  storeNext(): void {
    this.#waiting.shift()!.resolve([]);
  }

  /** What stands behind one that fails fails with it. */
  failAll(first: Error): void {
    for (const [place, { reject }] of this.#waiting.splice(0).entries())
      reject(place === 0 ? first : new Error('behind it'));
  }
}

function ingestedBy(warehouse: ReadingStore, services: number) {
  const records = Array.from({ length: services }, (_, offset) => {
    const line = `{"event":"service.started","service_id":"s-${offset}","timestamp":"2026-03-01T00:00:00Z"}`;
    return { offset, timestamp: null, key: null, value: Buffer.from(line), headers: [] };
  });
  const source = memorySource({
    partitions: [{ partition: { topic: 'calls', partition: 0 }, records }],
    batchRecords: 1,
  });
  const { signal } = new AbortController();
  return ingest(source, warehouse, { keyFormat: 'string', clock: { now: Date.now }, signal });
}

/** Until nothing more is done by itself: no part of this waits for anything but turns of the event loop. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise(resolve => setImmediate(resolve));
}

test('while one batch is stored three more wait, and the next is handed over whenever one is stored', async () => {
  const warehouse = new SlowWarehouse();
  const run = ingestedBy(warehouse, 9);
  const cameAfter: number[] = [];
  for (let stored = 0; stored < 9; stored += 1) {
    await quiet();
    cameAfter.push(warehouse.came.length);
    warehouse.storeNext();
  }
  expect(cameAfter).toEqual([4, 5, 6, 7, 8, 9, 9, 9, 9]);
  expect(warehouse.came.map(({ from }) => from)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(await run).toEqual({ recordsRead: 9, applied: 9, quarantined: 0 });
});

test('ingest throws the error of the first batch that fails', async () => {
  const warehouse = new SlowWarehouse();
  const run = ingestedBy(warehouse, 9);
  await quiet();
  warehouse.failAll(new TidemarkError('DISK_FULL', 'no room'));
  await expect(run).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(warehouse.came).toHaveLength(4);
});

test('a batch that waits to be stored holds no fragments', async () => {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  const warehouse = new SlowWarehouse();
  const run = ingestedBy(warehouse, 4);
  await quiet();
  collect();
  // The last one is still at hand where it was folded.
  expect(warehouse.came.map(({ fragments }) => fragments.deref() === undefined).slice(0, 3)).toEqual([
    true,
    true,
    true,
  ]);
  for (let stored = 0; stored < 4; stored += 1) warehouse.storeNext();
  expect(await run).toMatchObject({ recordsRead: 4 });
});

function factsOf(lines: readonly { readonly event: object; readonly recordTime: number | null }[], from = 0) {
  const records = lines.map(({ event, recordTime }, index) => {
    const value = Buffer.from(JSON.stringify({ service_id: 's', ...event }));
    return { offset: from + index, timestamp: recordTime, key: null, value, headers: [] };
  });
  const next = { nextOffset: from + lines.length, bookmark: null };
  const partition = { topic: 'calls', partition: 0 };
  const batch = { partition, kind: 'file', origin: 'test', records, from, next, bytesRead: 0 } as const;
  return foldBatch(batch, { keyFormat: 'string', clock: { now: () => at(20) } });
}

const startedAt = (time: number | null) => ({
  event: 'service.started',
  ...(time === null ? {} : { timestamp: new Date(time).toISOString() }),
});

// contract 4.24
test.each<[string, readonly (readonly [event: object, recordTime: number | null])[], number | null]>([
  ['the highest time of its events', [1, 3, 2].map(second => [startedAt(at(second)), at(9)]), at(3)],
  ['the time of the record, where the event has none', [[startedAt(null), at(9)]], at(9)],
  ['a time that is the clock’s', [[startedAt(at(20)), at(9)]], at(20)],
  [
    'no time later than the clock, such as one of 2099',
    [
      [startedAt(at(1)), at(9)],
      [startedAt(at(20, 1)), at(9)],
      [startedAt(Date.UTC(2099, 0)), null],
    ],
    at(1),
  ],
  ['the time of an update too', [[{ ...update, timestamp: new Date(at(5)).toISOString() }, null]], at(5)],
  ['none, where no event has a time', [[update, null]], null],
  ['none, for deletions', [[{ event: 'service.deleted' }, at(9)]], null],
  [
    'none, for a record that is quarantined',
    [[{ event: 'service.ended', timestamp: '2026-03-01T00:00:01Z' }, at(9)]],
    null,
  ],
])('the latest event of a batch is %s', (_, given, latestEvent) => {
  const lines = given.map(([event, recordTime]) => ({ event, recordTime }));
  expect(factsOf(lines).facts.latestEvent).toBe(latestEvent);
});

test('a batch tells the times that its log keeps of the first and of the last record (contract 4.31)', () => {
  const timesOf = (...times: readonly (number | null)[]) => {
    const { facts } = factsOf(times.map(recordTime => ({ event: startedAt(at(1)), recordTime })));
    return [facts.firstRecordTime, facts.lastRecordTime];
  };
  expect(timesOf(at(5), at(9), at(7))).toEqual([at(5), at(7)]);
  expect(timesOf(null, at(9), null)).toEqual([null, null]);
  expect(timesOf(-1, at(9), -1), 'a time below 0 counts as missing').toEqual([null, null]);
  expect(timesOf()).toEqual([null, null]);
});

test('a batch tells how late each of its newest 10,000 events came', () => {
  const late = (eventTime: number | null, recordTime: number | null) => ({ event: startedAt(eventTime), recordTime });
  const few = [late(at(1), at(3)), late(at(5), at(4)), late(null, at(9)), late(at(1), null), late(at(2), at(9))];
  expect(factsOf(few).facts.lateness).toEqual([2_000, 0, 0, 7_000]);
  const many = Array.from({ length: 10_002 }, (_, index) => late(at(1), at(1, index === 1 ? 999 : 5)));
  expect(factsOf(many).facts.lateness).toEqual(Array(10_000).fill(5));
});

test('a batch keeps the order, time and effect of each event, for exports that it may contradict (contract 4.29)', () => {
  const { timeline } = factsOf(
    [
      { event: startedAt(at(3)), recordTime: at(9) },
      { event: { event: 'nothing known' }, recordTime: at(9) },
      { event: { event: 'service.completed', timestamp: new Date(at(4)).toISOString() }, recordTime: null },
      { event: { ...update, service_id: 't' }, recordTime: at(8) },
      { event: { event: 'state.started', state_id: 1 }, recordTime: at(7) },
      { event: { event: 'service.associated', customer_id: 1 }, recordTime: null },
      { event: { event: 'service.deleted' }, recordTime: at(9) },
    ],
    40,
  );
  const found: unknown[] = [];
  timeline.forEach(({ offset, time, sets }, serviceId) => void found.push([serviceId, offset, time, sets]));
  expect(found).toEqual([
    ['s', 40, at(3), 'start'],
    ['s', 42, at(4), 'end'],
    ['t', 43, at(8), null],
    ['s', 44, at(7), null],
    ['s', 45, null, null],
    ['s', 46, null, 'deletion'],
  ]);
});

function at(second: number, millisecond = 0): number {
  return Date.UTC(2026, 2, 1, 0, 0, second, millisecond);
}
