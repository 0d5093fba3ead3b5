import { expect, test } from 'vitest';
import type { Database } from '../../../connectors/duckdb/file/database.ts';
import { DuckDbSnapshots } from '../../../connectors/duckdb/snapshot.ts';
import { openTestStore, plainCsv } from '../../support/store.ts';

const selection = { timeFrom: 0, timeTo: 1, filterEvents: 'any', filterState: 'any' } as const;

test.each([
  ['snapshots', (snapshots: DuckDbSnapshots) => snapshots.snapshot(selection, plainCsv)],
  ['streams of ids', (snapshots: DuckDbSnapshots) => snapshots.ids(selection)],
])('%s that could not be opened leave room for others', async (_, open) => {
  const database = { memoryLimit: '256MB', connect: () => Promise.reject(new Error('no connection')) };
  const snapshots = new DuckDbSnapshots(database as unknown as Database, { maxExtensionColumns: 1 });
  const outcomes = Array.from({ length: 5 }, () => open(snapshots).catch((error: Error) => error.message));
  const waiting = new Promise(resolve => setImmediate(resolve, 'waits for a free snapshot'));
  const found = await Promise.all(outcomes.map(outcome => Promise.race([outcome, waiting])));
  expect(found).toEqual(Array(5).fill('no connection'));
});

test('a snapshot counts every lost record of every gap', async () => {
  const store = await openTestStore();
  await store.rows(
    "INSERT INTO lost_records VALUES ('a', 0, 10, 15, 'deleted'), ('a', 0, 20, 22, 'deleted'), ('b', 1, 0, 1, 'deleted')",
  );
  const snapshots = new DuckDbSnapshots(store.database, { maxExtensionColumns: 1 });
  const snapshot = await snapshots.snapshot(selection, plainCsv);
  expect(snapshot.lostRecords).toBe(8);
  await snapshot.close();
});
