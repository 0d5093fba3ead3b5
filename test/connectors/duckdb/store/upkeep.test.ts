import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Upkeep } from '../../../../connectors/duckdb/store/upkeep.ts';
import { openTestStore, TestStore } from '../../../support/store.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

/** Services in the order in which they started, of which one in a hundred never ends. */
async function mostlyEnded(services: number): Promise<TestStore> {
  const store = await openTestStore();
  const ids = Array.from({ length: services }, (_, number) => `s-${number}`);
  const line = (event: string, service_id: string) =>
    JSON.stringify({ event, service_id, timestamp: '2026-03-01T10:00:00Z', extensions: { of: service_id } });
  await store.storeLines(ids.map(id => line('service.started', id)));
  const ended = ids.filter((_, number) => number % 100 !== 0);
  await store.storeLines(ended.map(id => line('service.completed', id)));
  return store;
}

/** Open rows, and the room between the first and the last of them. */
const openRows = async ({ rows }: { rows: TestStore['rows'] }) =>
  (await rows('SELECT count(*), max(rowid) - min(rowid) + 1 FROM services_open'))[0]!.map(Number);

describe('open rows that stay while all around them go', () => {
  test('move to the end, and a checkpoint then frees the room: no reader sees a difference', async () => {
    const store = await mostlyEnded(5_000);
    const rows = (sql: string) => store.rows(sql);
    const before = await rows('FROM services ORDER BY service_id');
    expect(before).toHaveLength(5_000);
    expect(await openRows({ rows })).toEqual([50, 4_901]);

    await rows('CHECKPOINT');
    expect(await store.warehouse.upkeep.moveForemost(1_000)).toBe(true);
    expect(await openRows({ rows })).toEqual([50, 50]);
    expect(await rows('FROM services ORDER BY service_id')).toEqual(before);
    expect(await store.warehouse.upkeep.moveForemost(1_000)).toBe(false);

    await rows('CHECKPOINT');
    expect(await rows('SELECT min(rowid) FROM services_open')).toEqual([['0']]);
    await store.storeLines(['{"event":"service.completed","service_id":"s-0","timestamp":"2026-03-01T11:00:00Z"}']);
    expect(await openRows({ rows })).toEqual([49, 49]);
    expect(await rows("SELECT end_timestamp IS NOT NULL FROM services WHERE service_id = 's-0'")).toEqual([[true]]);
  });

  test('stay where they are while the room is less than they take, and what is spare', async () => {
    const store = await mostlyEnded(5_000);
    expect(await store.warehouse.upkeep.moveForemost(5_000)).toBe(false);
  });

  test('are looked for when 100,000 rows may have changed, and then at each batch until none has to move', async () => {
    const store = await mostlyEnded(1_000);
    // As if 240,000 more had come and gone: every tenth row stays, 24,000 in all.
    await store.rows(
      `INSERT INTO services_open
       SELECT o.* REPLACE ('more-' || i AS service_id, i AS row_key, i AS service_key)
       FROM (FROM services_open LIMIT 1) o, range(240000) t(i)`,
    );
    await store.rows("DELETE FROM services_open WHERE service_id LIKE 'more-%' AND row_key % 10 <> 0");
    const connection = await store.database.connect();
    const upkeep = await Upkeep.open(connection);
    const none = { open: [], closed: [], seen: [], seenCount: 0 };
    const changed = (seenCount: number) =>
      upkeep.after({ rows: { service: { ...none, seenCount }, state: none, task: none }, deletedCount: 0 });
    const room = async () => (await openRows({ rows: sql => store.rows(sql) }))[1]!;

    const before = await room();
    await changed(100_000);
    expect(await room()).toBe(before);
    await changed(1);
    const once = await room();
    expect(once).toBeLessThan(before);
    await changed(1);
    expect(await room()).toBeLessThan(once);
    await changed(1);
    const enough = await room();
    await changed(100_000);
    expect(await room()).toBe(enough);
    expect(await upkeep.moveForemost()).toBe(false);
    connection.closeSync();
  });
});

describe('late fragments and deletions', () => {
  test('are settled after a batch once there are more than 100,000, and are not before', async () => {
    const store = await openTestStore();
    const addDeletions = (count: number) =>
      store.rows(
        `INSERT INTO deletions SELECT i AS service_key, 's-' || i AS service_id, 1 AS batch FROM range(${count}) t(i)`,
      );
    const left = async () => Number((await store.rows('SELECT count(*) FROM deletions'))[0]![0]);
    const connection = await store.database.connect();
    onTestFinished(() => connection.closeSync());
    const none = { open: [], closed: [], seen: [], seenCount: 0 };
    const rows = { service: none, state: none, task: none };

    await addDeletions(100_000);
    const upkeep = await Upkeep.open(connection);
    await upkeep.after({ rows, deletedCount: 0 });
    expect(await left(), 'settled before there was enough').toBe(100_000);
    // Of a batch it is only known how many of its rows may be late: here none was, and there is nothing to settle.
    await upkeep.after({ rows: { ...rows, service: { ...none, seenCount: 1 } }, deletedCount: 0 });
    expect(await left(), 'settled though no row was late').toBe(100_000);
    await addDeletions(1);
    await upkeep.after({ rows, deletedCount: 1 });
    expect(await left(), 'never settled by itself').toBe(0);
  });

  test('are settled by the batch that the warehouse stores', async () => {
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    const file = path.join(folder.path, 'test.duckdb');
    const first = await TestStore.open(file);
    await first.rows("INSERT INTO deletions SELECT i, 's-' || i, 1 FROM range(100000) t(i)");
    await first.close();
    const store = await TestStore.open(file);
    await store.storeLines(['{"event":"service.deleted","service_id":"one-more"}']);
    expect(await store.rows('SELECT count(*) FROM deletions'), 'never settled by itself').toEqual([['0']]);
    await store.close();
  });
});
