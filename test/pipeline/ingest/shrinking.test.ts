import { once } from 'node:events';
import { expect, test } from 'vitest';
import { ingest } from '../../../pipeline/ingest/ingest.ts';
import { ShrinkingSource } from '../../../pipeline/ingest/shrinking-source.ts';
import type { BatchLimits, EventSource, RecordBatch } from '../../../pipeline/ports.ts';
import { MemoryDatabase, MemoryWarehouse } from '../../support/memory-warehouse.ts';
import { SmallWarehouse } from '../../support/small-warehouse.ts';
import { storing } from '../../support/store.ts';

const partition = { topic: 'calls', partition: 0 };

/** Gives 20 records in batches of at most `batchRecords`. */
function sourceOf({ batchRecords }: BatchLimits): EventSource {
  return {
    async *read(stored) {
      for (let from = stored[0]?.nextOffset ?? 0; from < 20; from += batchRecords) {
        const records = Array.from({ length: Math.min(batchRecords, 20 - from) }, (_, index) => {
          const value = Buffer.from(JSON.stringify({ event: 'service.associated', service_id: 's', customer_id: 'c' }));
          return { offset: from + index, timestamp: 0, key: null, value, headers: [] };
        });
        const next = { nextOffset: from + records.length, bookmark: null };
        yield { partition, kind: 'file', origin: 'a file', records, from, next, bytesRead: 1 } satisfies RecordBatch;
      }
    },
  };
}

async function ingestInto(warehouse: SmallWarehouse, batchRecords: number) {
  const source = new ShrinkingSource({ batchRecords, batchBytes: 1_000 }, sourceOf);
  const { signal } = new AbortController();
  const options = { keyFormat: 'string', clock: { now: () => 0 }, signal, shrink: () => source.shrink() } as const;
  return ingest(source.current, warehouse, options);
}

test('a batch that memory cannot hold is read again in halves until it can, and each record is stored once', async () => {
  const warehouse = new SmallWarehouse(partition, 3);
  const ingested = await ingestInto(warehouse, 10);
  expect(ingested).toEqual({ recordsRead: 20, applied: 20, quarantined: 0 });
  const from = warehouse.stored.map(([first]) => first);
  expect(from).toEqual([0, 3, 6, 9, 12, 15, 18]);
  expect(warehouse.stored.at(-1)).toEqual([18, 20]);
});

test('a batch that was being folded while an earlier one failed is not stored: it would be taken for the first', async () => {
  const warehouse = new MemoryWarehouse(new MemoryDatabase(), storing);
  const { signal } = new AbortController();
  const batch = (from: number, nextOffset: number): RecordBatch => {
    return {
      partition,
      kind: 'file',
      origin: 'a file',
      records: [],
      from,
      next: { nextOffset, bookmark: null },
      bytesRead: 1,
    };
  };
  const source: EventSource = {
    async *read(_, failed) {
      yield batch(0, -1);
      await once(failed, 'abort');
      yield batch(5, 8);
    },
  };
  const options = { keyFormat: 'string', clock: { now: () => 0 }, signal } as const;
  await expect(ingest(source, warehouse, options)).rejects.toMatchObject({ code: 'STALE_BATCH' });
  expect(warehouse.positions()).toEqual([]);
});

test('what memory cannot hold as a single record ends the reading with the reason', async () => {
  const warehouse = new SmallWarehouse(partition, 0);
  await expect(ingestInto(warehouse, 10)).rejects.toMatchObject({ code: 'OUT_OF_MEMORY', message: '1 are too many' });
  expect(warehouse.stored).toEqual([]);
});
