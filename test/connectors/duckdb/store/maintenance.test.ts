import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { TableMaintenance } from '../../../../connectors/duckdb/store/maintenance.ts';
import { openTestStore, TestStore } from '../../../support/store.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

/** Stores services in the order of their starts; every hundredth never ends. */
async function storeMostlyEnded(services: number): Promise<TestStore> {
  const store = await openTestStore();
  const ids = Array.from({ length: services }, (_, number) => `s-${number}`);
  const line = (event: string, service_id: string) =>
    JSON.stringify({ event, service_id, timestamp: '2026-03-01T10:00:00Z', extensions: { of: service_id } });
  await store.storeLines(ids.map(id => line('service.started', id)));
  const ended = ids.filter((_, number) => number % 100 !== 0);
  await store.storeLines(ended.map(id => line('service.completed', id)));
  return store;
}

/** The number of open rows, and of the rowids from the first to the last of them. */
const openRows = async ({ rows }: { rows: TestStore['rows'] }) =>
  (await rows('SELECT count(*), max(rowid) - min(rowid) + 1 FROM services_open'))[0]!.map(Number);

describe('open rows that stay while most others end', () => {
  test('move to the end, and the next checkpoint frees their row groups; readers see the same rows', async () => {
    const store = await storeMostlyEnded(5_000);
    const rows = (sql: string) => store.rows(sql);
    const before = await rows('FROM services ORDER BY service_id');
    expect(before).toHaveLength(5_000);
    expect(await openRows({ rows })).toEqual([50, 4_901]);

    await rows('CHECKPOINT');
    expect(await store.warehouse.maintenance.moveFirstOpen(1_000)).toBe(true);
    expect(await openRows({ rows })).toEqual([50, 50]);
    expect(await rows('FROM services ORDER BY service_id')).toEqual(before);
    expect(await store.warehouse.maintenance.moveFirstOpen(1_000)).toBe(false);

    await rows('CHECKPOINT');
    expect(await rows('SELECT min(rowid) FROM services_open')).toEqual([['0']]);
    await store.storeLines(['{"event":"service.completed","service_id":"s-0","timestamp":"2026-03-01T11:00:00Z"}']);
    expect(await openRows({ rows })).toEqual([49, 49]);
    expect(await rows("SELECT end_timestamp IS NOT NULL FROM services WHERE service_id = 's-0'")).toEqual([[true]]);
  });

  test('all move once many bytes were written anew, so that what they were before leaves the file', async () => {
    const store = await storeMostlyEnded(200);
    const rows = (sql: string) => store.rows(sql);
    const [update, bytes] = [
      JSON.stringify({ event: 'service.started', service_id: 's-0', contact_key: '%' }),
      1_000_000,
    ];
    for (let round = 0; round < 5; round += 1) {
      const filled = update.replace('%', randomBytes(bytes / 2).toString('hex'));
      await store.storeLines([filled.replace('"contact_key"', '"timestamp":"2026-03-01T10:00:00Z","contact_key"')]);
    }
    await rows('CHECKPOINT');
    const usedBytes = async () =>
      Number((await rows('SELECT used_blocks * block_size FROM pragma_database_size()'))[0]![0]);
    const before = { bytes: await usedBytes(), rows: await rows('FROM services ORDER BY service_id') };
    const none = { open: [], closed: [], seen: [], seenCount: 0, apart: [] };
    const connection = await store.database.connect();
    const maintenance = await TableMaintenance.open(connection);
    const batch = { rows: { service: none, state: none, task: none }, deletedCount: 0 };
    const first = await rows('SELECT min(rowid) FROM services_open');
    await maintenance.runAfter(batch, 60 << 20);
    expect(await rows('SELECT min(rowid) FROM services_open'), 'moved too early').toEqual(first);
    await maintenance.runAfter(batch, 10 << 20);
    await rows('CHECKPOINT');
    await rows('CHECKPOINT');
    const moved = await rows('SELECT min(rowid) FROM services_open');
    await maintenance.runAfter(batch, 0);
    expect(await rows('SELECT min(rowid) FROM services_open'), 'moved again, though nothing was written').toEqual(
      moved,
    );
    connection.closeSync();
    expect(await rows('FROM services ORDER BY service_id')).toEqual(before.rows);
    expect(await usedBytes(), 'the older versions of the row stayed in the file').toBeLessThan(
      before.bytes - 2 * bytes,
    );
  });

  test('stay where they are while the gaps do not outnumber them by more than the limit', async () => {
    const store = await storeMostlyEnded(5_000);
    expect(await store.warehouse.maintenance.moveFirstOpen(5_000)).toBe(false);
  });

  test('are looked for after more than 100,000 changes, and then after each batch until none has to move', async () => {
    const store = await storeMostlyEnded(1_000);
    // As if 240,000 more services had started and nine of ten had ended: 24,000 rows stay.
    await store.rows(
      `INSERT INTO services_open
       SELECT o.* REPLACE ('more-' || i AS service_id, i AS row_key, i AS service_key)
       FROM (FROM services_open LIMIT 1) o, range(240000) t(i)`,
    );
    await store.rows("DELETE FROM services_open WHERE service_id LIKE 'more-%' AND row_key % 10 <> 0");
    const connection = await store.database.connect();
    const maintenance = await TableMaintenance.open(connection);
    const none = { open: [], closed: [], seen: [], seenCount: 0, apart: [] };
    const changed = (seenCount: number) =>
      maintenance.runAfter({ rows: { service: { ...none, seenCount }, state: none, task: none }, deletedCount: 0 }, 0);
    const rowids = async () => (await openRows({ rows: sql => store.rows(sql) }))[1]!;

    const before = await rowids();
    await changed(100_000);
    expect(await rowids()).toBe(before);
    await changed(1);
    const once = await rowids();
    expect(once).toBeLessThan(before);
    await changed(1);
    expect(await rowids()).toBeLessThan(once);
    await changed(1);
    const enough = await rowids();
    await changed(100_000);
    expect(await rowids()).toBe(enough);
    expect(await maintenance.moveFirstOpen()).toBe(false);
    connection.closeSync();
  });
});

describe('late fragments and deletions', () => {
  test('are settled after a batch when there are more than 100,000, and not before', async () => {
    const store = await openTestStore();
    const addDeletions = (count: number) =>
      store.rows(
        `INSERT INTO deletions SELECT i AS service_key, 's-' || i AS service_id, 1 AS batch, 0 AS log FROM range(${count}) t(i)`,
      );
    const left = async () => Number((await store.rows('SELECT count(*) FROM deletions'))[0]![0]);
    const connection = await store.database.connect();
    onTestFinished(() => connection.closeSync());
    const none = { open: [], closed: [], seen: [], seenCount: 0, apart: [] };
    const rows = { service: none, state: none, task: none };

    await addDeletions(100_000);
    const maintenance = await TableMaintenance.open(connection);
    await maintenance.runAfter({ rows, deletedCount: 0 }, 0);
    expect(await left(), 'settled too early').toBe(100_000);
    // A batch reports how many of its rows may have become late fragments. Here none did, so nothing is settled.
    await maintenance.runAfter({ rows: { ...rows, service: { ...none, seenCount: 1 } }, deletedCount: 0 }, 0);
    expect(await left(), 'settled although no row became a late fragment').toBe(100_000);
    await addDeletions(1);
    await maintenance.runAfter({ rows, deletedCount: 1 }, 0);
    expect(await left(), 'never settled by itself').toBe(0);
  });

  test('are settled after a batch that the warehouse stores', async () => {
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    const file = path.join(folder.path, 'test.duckdb');
    const first = await TestStore.open(file);
    await first.rows("INSERT INTO deletions SELECT i, 's-' || i, 1, 0 FROM range(100000) t(i)");
    await first.close();
    const store = await TestStore.open(file);
    await store.storeLines(['{"event":"service.deleted","service_id":"one-more"}']);
    expect(await store.rows('SELECT count(*) FROM deletions'), 'never settled by itself').toEqual([['0']]);
    await store.close();
  });
});
