import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { withCoverage } from '../../../pipeline/completeness/ends.ts';
import { foldBatch } from '../../../pipeline/ingest/batch-folding.ts';
import type { FoldedBatch } from '../../../pipeline/ingest/warehouse.ts';
import type { LostRecords } from '../../../pipeline/ports.ts';
import { entityTables } from '../../../schemas/columns.ts';
import { openTestStore, TestStore, withFacts } from '../../support/store.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const partition = { topic: 'calls', partition: 3 };

/** A batch `[from, to)` in which each record starts another service. */
function batchOf(from: number, to: number, lost?: LostRecords) {
  const records = Array.from({ length: to - from }, (_, index) => ({
    offset: from + index,
    timestamp: 1_700_000_000_000,
    key: null,
    value: Buffer.from(`{"event":"service.started","service_id":"s-${from + index}"}`),
    headers: [],
  }));
  const next = { nextOffset: to, bookmark: null };
  const batch = { partition, kind: 'live', origin: 'test', records, from, next, bytesRead: 0 } as const;
  return foldBatch(
    { ...batch, ...(lost && { lost }) },
    { keyFormat: 'string', clock: { now: () => 1_700_000_000_000 } },
  );
}

function upTo(nextOffset: number, batch: FoldedBatch): FoldedBatch {
  return withFacts(batch, { next: { nextOffset, bookmark: null } });
}

describe('a batch is stored only at the end of the last one (contract 2.10)', () => {
  test.each([
    ['the same batch again', 10, 15],
    ['one that overlaps the end', 14, 18],
    ['one that leaves a record out', 16, 18],
    ['an older one', 10, 12],
  ])('%s is refused and changes nothing', async (_, from, to) => {
    const { warehouse, rows } = await storeUpTo15();
    await expect(warehouse.store(batchOf(from, to))).rejects.toMatchObject({ code: 'STALE_BATCH', retry: true });
    expect(await rows('SELECT count(*) FROM services')).toEqual([['5']]);
    expect(warehouse.positions().map(({ nextOffset }) => nextOffset)).toEqual([15]);
  });

  test('an empty batch moves the position over offsets that hold no record', async () => {
    const { warehouse, rows } = await storeUpTo15();
    await warehouse.store(upTo(17, batchOf(15, 15)));
    await warehouse.store(batchOf(17, 18));
    expect(await rows('SELECT next_offset, records_read, applied FROM partitions')).toEqual([['18', '6', '6']]);
  });

  test('a gap of lost records is stored with the batch after it (contract 2.15)', async () => {
    const { warehouse, rows } = await storeUpTo15();
    await warehouse.store(batchOf(40, 41, { from: 15, to: 40, reason: 'deleted by retention' }));
    const gaps = await rows(
      'SELECT topic, partition, from_offset, to_offset, reason, epoch_ms(time_after) FROM gaps JOIN partitions USING (source)',
    );
    expect(gaps).toEqual([['calls', 3, '15', '40', 'deleted by retention', '1700000000000']]);
    await expect(
      warehouse.store(batchOf(60, 61, { from: 15, to: 60, reason: 'deleted by retention' })),
    ).rejects.toMatchObject({ code: 'STALE_BATCH' });
  });

  test('a gap of lost records that ends before the batch is refused, as the records between are missing', async () => {
    const { warehouse, rows } = await storeUpTo15();
    const stored = warehouse.store(batchOf(41, 42, { from: 15, to: 40, reason: 'deleted by retention' }));
    await expect(stored, 'record 40 was left out').rejects.toMatchObject({ code: 'STALE_BATCH' });
    expect(await rows('SELECT count(*) FROM gaps')).toEqual([['0']]);
  });
});

test('when the first batch of a partition fails, no other is stored until reading begins again', async () => {
  const store = await openTestStore();
  const { warehouse } = store;
  const backward = upTo(-1, batchOf(0, 5));
  const both = await Promise.allSettled([warehouse.store(backward), warehouse.store(batchOf(5, 8))]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await expect(warehouse.store(batchOf(5, 8)), 'given after the failure').rejects.toMatchObject({
    code: 'STALE_BATCH',
  });
  expect(warehouse.beginReading()).toEqual([]);
  await warehouse.store(batchOf(0, 8));
  expect(await store.rows('SELECT next_offset, records_read FROM partitions')).toEqual([['8', '8']]);
});

test('close waits for earlier calls, later ones are refused, and no thread is left behind', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const file = path.join(folder.path, 'test.duckdb');
  for (let round = 0; round < 20; round += 1) {
    const { warehouse, database } = await TestStore.open(file);
    const calls = [
      warehouse.record(sources => withCoverage(sources, round)),
      warehouse.store(batchOf(round, round + 1)),
    ];
    const closed = warehouse.close();
    const late = warehouse.record(sources => sources);
    await expect(late).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await Promise.all(calls);
    await closed;
    await database.close();
  }
  const again = await TestStore.open(file);
  expect(await again.rows('SELECT next_offset, epoch_ms(covers_until) FROM partitions, coverage')).toEqual([
    ['20', '19'],
  ]);
  await again.close();
});

test('the latest event of a partition never goes back, whatever times later batches have (contract 4.24)', async () => {
  const store = await openTestStore();
  const times = [3_000, 5_000, 4_000, null];
  const seen: (number | null | undefined)[] = [];
  for (const [offset, latestEvent] of times.entries()) {
    await store.warehouse.store(withFacts(batchOf(offset, offset + 1), { latestEvent }));
    seen.push(store.warehouse.sources().partitions.get('calls/3')?.latestEvent);
  }
  expect(seen).toEqual([3_000, 5_000, 5_000, 5_000]);
  expect(await store.rows('SELECT epoch_ms(latest_event) FROM partitions')).toEqual([['5000']]);
});

test('the views have the columns of the files and the extensions as one JSON object (contract 2.16)', async () => {
  const store = await openTestStore();
  const columnsOf = async (view: string) =>
    (await store.rows(`SELECT column_name FROM (DESCRIBE ${view})`)).map(([column]) => column);
  for (const { table, exported } of Object.values(entityTables))
    expect(await columnsOf(table)).toEqual([...exported, 'extensions']);
  const plain = '{"event":"extension.updated","service_id":"s","entity":"service","name":"n","value":[1.50]}';
  await store.storeLines([plain, '{"event":"service.associated","service_id":"t","customer_id":1}']);
  expect(await store.rows('SELECT extensions FROM services ORDER BY service_id')).toEqual([['{"n":[1.50]}'], [null]]);
});

test('after a restart, a change to a row that is only a late fragment makes no second row', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const file = path.join(folder.path, 'test.duckdb');
  const started = '{"event":"service.started","service_id":"s","timestamp":"2026-03-01T10:00:00Z"}';
  const first = await TestStore.open(file);
  await first.storeLines([started]);
  await first.storeLines(['{"event":"service.deleted","service_id":"s"}']);
  await first.storeLines([started]);
  await first.close();
  const second = await TestStore.open(file);
  await second.storeLines(['{"event":"service.associated","service_id":"s","customer_id":7}']);
  const stored = 'SELECT customer_id, start_timestamp::VARCHAR FROM services';
  expect(await second.rows(stored), 'the service has other rows than one').toEqual([['7', '2026-03-01 10:00:00']]);
  await second.close();
});

async function storeUpTo15() {
  const store = await openTestStore();
  await store.warehouse.store(batchOf(10, 15));
  return { warehouse: store.warehouse, rows: (sql: string) => store.rows(sql) };
}
