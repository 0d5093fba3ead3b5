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

test('a snapshot has the sources, the last batch and the services without a start of one state of the tables', async () => {
  const store = await openTestStore();
  await store.storeLines(['{"event":"service.started","service_id":"a","timestamp":"2026-03-01T10:00:00Z"}']);
  await store.storeLines(
    ['b', 'c'].map(id => `{"event":"service.completed","service_id":"${id}","timestamp":"2026-03-01T10:00:00Z"}`),
    1,
  );
  const snapshots = new DuckDbSnapshots(store.database, { maxExtensionColumns: 1 });
  const day = { ...selection, timeFrom: Date.UTC(2026, 2, 1), timeTo: Date.UTC(2026, 2, 2) };
  const snapshot = await snapshots.snapshot(day, plainCsv);
  await store.storeLines(['{"event":"service.completed","service_id":"d","timestamp":"2026-03-01T10:00:00Z"}'], 2);
  expect(snapshot).toMatchObject({ batch: 2, servicesWithoutStart: 2, splitServices: 0 });
  const positions = Array.from(snapshot.sources.partitions, ([name, { nextOffset }]) => [name, nextOffset]);
  expect(positions).toEqual([
    ['test/0', 1],
    ['test/1', 2],
  ]);
  await snapshot.close();
  const next = await snapshots.snapshot(day, plainCsv);
  expect(next).toMatchObject({ batch: 3, servicesWithoutStart: 3 });
  await next.close();
  const other = await snapshots.snapshot({ ...day, timeTo: day.timeFrom + 1 }, plainCsv);
  expect(other.servicesWithoutStart, 'services that are not selected are counted').toBe(0);
  await other.close();
});

test('a snapshot has every gap of every source (contract 4.32)', async () => {
  const store = await openTestStore();
  for (const partition of [0, 1]) await store.storeLines(['{"event":"service.started","service_id":"a"}'], partition);
  await store.rows(
    "INSERT INTO gaps VALUES (0, 20, 22, 'damaged', NULL, NULL), (0, 10, 15, 'deleted', '2026-03-01', '2026-03-02'), (1, 0, 1, 'deleted', NULL, NULL)",
  );
  const snapshots = new DuckDbSnapshots(store.database, { maxExtensionColumns: 1 });
  const snapshot = await snapshots.snapshot(selection, plainCsv);
  const unknown = { watermark: null, timeAfter: null };
  expect(Array.from(snapshot.sources.partitions.values(), ({ gaps }) => gaps)).toEqual([
    [
      { from: 10, to: 15, reason: 'deleted', watermark: Date.UTC(2026, 2, 1), timeAfter: Date.UTC(2026, 2, 2) },
      { from: 20, to: 22, reason: 'damaged', ...unknown },
    ],
    [{ from: 0, to: 1, reason: 'deleted', ...unknown }],
  ]);
  await snapshot.close();
});
