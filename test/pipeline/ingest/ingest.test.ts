import v8 from 'node:v8';
import vm from 'node:vm';
import { expect, test } from 'vitest';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { foldBatch, ingest } from '../../../pipeline/ingest/ingest.ts';
import type { FoldedBatch, Warehouse } from '../../../pipeline/ingest/warehouse.ts';
import { memorySource } from '../../support/memory-source.ts';

/** Stores a batch when it is told to, in the order in which they came. */
class SlowWarehouse implements Warehouse {
  readonly came: { readonly from: number; readonly fragments: WeakRef<object> }[] = [];
  readonly #waiting: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];

  positions(): readonly [] {
    return [];
  }

  store({ facts, fragments }: FoldedBatch): Promise<void> {
    this.came.push({ from: facts.from, fragments: new WeakRef(fragments) });
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  storeNext(): void {
    this.#waiting.shift()!.resolve();
  }

  /** What stands behind one that fails fails with it. */
  failAll(first: Error): void {
    for (const [place, { reject }] of this.#waiting.splice(0).entries())
      reject(place === 0 ? first : new Error('behind it'));
  }
}

function ingestedBy(warehouse: Warehouse, services: number) {
  const records = Array.from({ length: services }, (_, offset) => {
    const line = `{"event":"service.started","service_id":"s-${offset}","timestamp":"2026-03-01T00:00:00Z"}`;
    return { offset, timestamp: null, key: null, value: Buffer.from(line), headers: [] };
  });
  const source = memorySource({
    partitions: [{ partition: { topic: 'calls', partition: 0 }, records }],
    batchRecords: 1,
  });
  const { signal } = new AbortController();
  return ingest(source, warehouse, { keyFormat: 'string', skewMs: 0, clock: { now: Date.now }, signal });
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

// contract 4.21
test.each([
  ['the highest time of its events', [at(1), at(3), at(2)], at(9), at(3)],
  ['a time exactly skew_ms after the record’s time', [at(1), at(9, 500)], at(9), at(9, 500)],
  ['no time later than that', [at(1), at(9, 501)], at(9), at(1)],
  ['compared with now, where records have no time', [at(1), at(20, 500), at(20, 501)], null, at(20, 500)],
])('the watermark of a batch is %s', (_, times, recordTime, watermark) => {
  const records = times.map((time, offset) => {
    const line = `{"event":"service.started","service_id":"s","timestamp":"${new Date(time).toISOString()}"}`;
    return { offset, timestamp: recordTime, key: null, value: Buffer.from(line), headers: [] };
  });
  const next = { nextOffset: times.length, bookmark: null };
  const batch = { partition: { topic: 'calls', partition: 0 }, origin: 'test', records, from: 0, next, bytesRead: 0 };
  const { facts } = foldBatch(batch, { keyFormat: 'string', skewMs: 500, clock: { now: () => at(20) } });
  expect(facts.watermark).toBe(watermark);
});

function at(second: number, millisecond = 0): number {
  return Date.UTC(2026, 2, 1, 0, 0, second, millisecond);
}
