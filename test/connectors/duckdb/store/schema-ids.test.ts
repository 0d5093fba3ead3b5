import { expect, test } from 'vitest';
import { DuckDbSnapshots } from '../../../../connectors/duckdb/snapshot.ts';
import { foldBatch } from '../../../../pipeline/ingest/batch-folding.ts';
import { asAvro, ourSchemas } from '../../../support/avro.ts';
import { openTestStore, plainCsv, type TestStore, withFacts } from '../../../support/store.ts';

const started = asAvro('{"event":"service.started","service_id":"s","timestamp":"2026-03-01T00:00:00Z"}')!;

/** One record whose batch names these schemas. */
function batchOf(topic: string, from: number, ids: readonly number[]) {
  const record = { offset: from, timestamp: null, key: null, value: started, headers: [] };
  const next = { nextOffset: from + 1, bookmark: null };
  const partition = { topic, partition: 0 };
  const batch = { partition, kind: 'live', origin: 'test', records: [record], from, next, bytesRead: 0 } as const;
  const options = { keyFormat: 'string', clock: { now: Date.now }, schemas: ourSchemas } as const;
  return withFacts(foldBatch(batch, options), { schemaIds: ids });
}

async function idsOfSnapshot(store: TestStore): Promise<readonly number[]> {
  const selection = { timeFrom: 0, timeTo: 1, filterEvents: 'any', filterState: 'any' } as const;
  const snapshot = await new DuckDbSnapshots(store.database, { maxExtensionColumns: 1 }).snapshot(selection, plainCsv);
  await snapshot.close();
  return snapshot.schemaIds;
}

test('a snapshot has the schema ids of all topics in ascending order, each once', async () => {
  const store = await openTestStore();
  expect(await idsOfSnapshot(store)).toEqual([]);
  await store.warehouse.store(batchOf('calls', 0, [300, 7]));
  await store.warehouse.store(batchOf('calls', 1, [7, 4_294_967_295, 20]));
  await store.warehouse.store(batchOf('chats', 0, [20, 7]));
  await store.warehouse.store(batchOf('calls', 2, []));
  expect(await idsOfSnapshot(store)).toEqual([7, 20, 300, 4_294_967_295]);
  const stored = await store.rows('SELECT topic, schema_id FROM schema_ids ORDER BY ALL');
  expect(stored.map(([topic, id]) => `${topic} ${id}`)).toEqual([
    'calls 7',
    'calls 20',
    'calls 300',
    'calls 4294967295',
    'chats 7',
    'chats 20',
  ]);
});

test('a batch that is not stored leaves no schema id behind', async () => {
  const store = await openTestStore();
  await store.warehouse.store(batchOf('calls', 0, [7]));
  await expect(store.warehouse.store(batchOf('calls', 0, [8]))).rejects.toMatchObject({ code: 'STALE_BATCH' });
  store.warehouse.beginReading();
  const unreadable = withFacts(batchOf('calls', 1, [9]), { next: { nextOffset: Number.NaN, bookmark: null } });
  await expect(store.warehouse.store(unreadable)).rejects.toThrow();
  expect(await idsOfSnapshot(store)).toEqual([7]);
});

test('an id that a failed batch named first is stored with the next batch that names it', async () => {
  const store = await openTestStore();
  await store.warehouse.store(batchOf('calls', 0, [7]));
  // Another transaction changes the same row, so that the batch fails after its ids were inserted.
  const other = await store.database.connect();
  await other.run('BEGIN TRANSACTION; DELETE FROM services_open;');
  await expect(store.warehouse.store(batchOf('calls', 1, [9]))).rejects.toThrow();
  await other.run('ROLLBACK');
  other.closeSync();
  store.warehouse.beginReading();
  await store.warehouse.store(batchOf('calls', 1, [9]));
  expect(await idsOfSnapshot(store), 'the id 9 was taken for stored although its batch failed').toEqual([7, 9]);
});

test('a snapshot that was opened before a batch lacks the schema ids of the batch', async () => {
  const store = await openTestStore();
  await store.warehouse.store(batchOf('calls', 0, [7]));
  const selection = { timeFrom: 0, timeTo: 1, filterEvents: 'any', filterState: 'any' } as const;
  const snapshot = await new DuckDbSnapshots(store.database, { maxExtensionColumns: 1 }).snapshot(selection, plainCsv);
  await store.warehouse.store(batchOf('calls', 1, [8]));
  await snapshot.close();
  expect([snapshot.schemaIds, await idsOfSnapshot(store)]).toEqual([[7], [7, 8]]);
});
