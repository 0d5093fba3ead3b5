import { describe, expect, test } from 'vitest';
import { DuckDbSnapshots } from '../../../../connectors/duckdb/snapshot.ts';
import { openTestStore, plainCsv, type TestStore } from '../../../support/store.ts';

const window = {
  timeFrom: 0,
  timeTo: Date.parse('2030-01-01T00:00:00Z'),
  filterEvents: 'any',
  filterState: 'any',
} as const;
const line = (event: string, service: string) =>
  JSON.stringify({ event, service_id: service, timestamp: '2026-03-01T10:00:00Z', session_id: `of ${service}` });
const ids = (name: string) => Array.from({ length: 3_000 }, (_, number) => `${name}-${number}`);

/** Stores open services behind a row group of deleted rows. The next checkpoint drops it and changes their rowids. */
async function storeBehindDeletedRows(): Promise<TestStore> {
  const store = await openTestStore();
  await store.storeLines(ids('ends').map(id => line('service.started', id)));
  await store.rows('CHECKPOINT');
  await store.storeLines(ids('stays').map(id => line('service.started', id)));
  await store.rows('CHECKPOINT');
  await store.storeLines(ids('ends').map(id => line('service.completed', id)));
  return store;
}

const firstOpenRow = async (store: TestStore) =>
  Number((await store.rows('SELECT min(rowid) FROM services_open'))[0]![0]);

/** Starts a checkpoint that sleeps before it writes. It is certainly running, because a second one was refused. */
async function startSlowCheckpoint(store: TestStore): Promise<{ readonly ended: Promise<unknown> }> {
  await store.rows('SET debug_checkpoint_sleep_ms = 700');
  expect(await firstOpenRow(store)).toBe(3_000);
  const both = [store.rows('CHECKPOINT'), store.rows('CHECKPOINT')];
  const refused = both.map(one => one.then(() => Promise.reject(new Error('no checkpoint was refused')), String));
  expect(await Promise.any(refused)).toMatch(/Cannot CHECKPOINT/);
  return { ended: Promise.any(both) };
}

describe('during a checkpoint that changes rowids', () => {
  test('an export begins, and writes every row after the checkpoint', async () => {
    const store = await storeBehindDeletedRows();
    const checkpoint = await startSlowCheckpoint(store);
    const snapshots = new DuckDbSnapshots(store.database, { maxExtensionColumns: 1 });
    const snapshot = await snapshots.snapshot(window, plainCsv);
    await checkpoint.ended;
    const bytes: Uint8Array[] = [];
    const { rows } = await snapshot.write('services', async part => void bytes.push(part));
    await snapshot.close();
    const written = Buffer.concat(bytes).toString().trimEnd().split('\n');
    expect(written.map(row => row.split(',')[0]).toSorted()).toEqual([...ids('ends'), ...ids('stays')].toSorted());
    expect([rows, await firstOpenRow(store)]).toEqual([6_000, 0]);
  });

  test('open rows are moved, each of them once', async () => {
    const store = await storeBehindDeletedRows();
    const checkpoint = await startSlowCheckpoint(store);
    await store.warehouse.maintenance.moveFirstOpen(Number.NEGATIVE_INFINITY);
    await checkpoint.ended;
    const rows = await store.rows('SELECT service_id FROM services_open ORDER BY service_id');
    expect(rows.map(([id]) => id)).toEqual(ids('stays').toSorted());
  });
});
