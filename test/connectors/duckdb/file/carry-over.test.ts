import path from 'node:path';
import { Readable } from 'node:stream';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Database } from '../../../../connectors/duckdb/file/database.ts';
import { DuckDbRequestStore } from '../../../../connectors/duckdb/request-store.ts';
import { DuckDbSnapshots } from '../../../../connectors/duckdb/snapshot.ts';
import { ndjsonFileSource } from '../../../../connectors/log-files/ndjson-file-source.ts';
import { standardInputSource } from '../../../../connectors/log-files/standard-input-source.ts';
import { judgeCompleteness } from '../../../../pipeline/completeness/verdict.ts';
import { foldBatch } from '../../../../pipeline/ingest/batch-folding.ts';
import { type GivenSource, ingestGiven } from '../../../../pipeline/ingest/given-sources.ts';
import { ingest } from '../../../../pipeline/ingest/ingest.ts';
import type { SourceKind } from '../../../../pipeline/ports.ts';
import { carriedOver, changeOld, objects } from '../../../support/carried-over.ts';
import { copyOldDatabase } from '../../../support/old-database.ts';
import { openNewStore, plainCsv, TestStore } from '../../../support/store.ts';

const all = { timeFrom: 0, timeTo: Date.UTC(2027, 0), filterEvents: 'any', filterState: 'any' } as const;
const names = ['files', 'mixed'] as const;

/** The verdict of a window, with the split services that it selects. */
async function judged(store: TestStore, timeFrom: number, timeTo: number) {
  const window = { ...all, timeFrom, timeTo };
  const snapshot = await new DuckDbSnapshots(store.database, { maxExtensionColumns: 1_000 }).snapshot(window, plainCsv);
  await snapshot.close();
  const { sources, splitServices } = snapshot;
  const rules = { lateness: { allowedMs: 0, clockMs: 0 }, skewMs: 0 };
  return judgeCompleteness({ sources, splitServices, timeFrom, timeTo, ends: { from: 'latest look' }, ...rules });
}

function storeEvents(store: TestStore, topic: string, kind: SourceKind, from: number, ...events: readonly object[]) {
  const records = events.map((event, index) => {
    const value = Buffer.from(JSON.stringify(event));
    return { offset: from + index, timestamp: Date.UTC(2026, 0, 7), key: null, value, headers: [] };
  });
  const next = { nextOffset: from + events.length, bookmark: null };
  const partition = { topic, partition: 3 };
  const batch = { partition, kind, origin: 'test', records, from, next, bytesRead: 0 };
  return store.warehouse.store(foldBatch(batch, { keyFormat: 'string', clock: { now: Date.now } }));
}

const january = (day: number, hour = 0): number => Date.UTC(2026, 0, day, hour);
const at = (day: number, hour: number): string => new Date(january(day, hour)).toISOString();

test.each(names)('the old database %s is opened, and holds what it held', async name => {
  const { store, facts } = await carriedOver(name);
  expect(await store.rows('SELECT version, store_id FROM layout')).toEqual([[5, facts.layout[0]!.store_id]]);
  expect(await objects(store, 'SELECT * FROM services ORDER BY service_id')).toEqual(facts.services);
  expect(await objects(store, 'SELECT * FROM states ORDER BY service_id, state_id')).toEqual(facts.states);
  expect(await objects(store, 'SELECT * FROM tasks ORDER BY service_id, task_id')).toEqual(facts.tasks);
  const rejects = 'SELECT topic, partition, "offset", reason, field, message FROM quarantine';
  expect(await objects(store, rejects)).toEqual(facts.quarantine);
  const positions = await objects(
    store,
    'SELECT source, topic, partition, origin, next_offset, bookmark, records_read, applied, quarantined, batch, latest_event AS watermark FROM partitions ORDER BY source',
  );
  expect(positions, 'the latest event is what the watermark was').toEqual(facts.partitions);
});

test.each(names)('the old database %s gets the tables, columns and views of a new one', async name => {
  const { store } = await carriedOver(name);
  const fresh = await openNewStore();
  const described = async (of: TestStore) => [
    await of.rows(
      'SELECT table_name, column_name, column_index, data_type, is_nullable, column_default FROM duckdb_columns() WHERE NOT internal ORDER BY ALL',
    ),
    await of.rows('SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL'),
    await of.rows(
      "SELECT function_name, macro_definition FROM duckdb_functions() WHERE function_type LIKE '%macro' AND NOT internal",
    ),
  ];
  expect(await described(store)).toEqual(await described(fresh));
});

test.each(names)('the old database %s is carried over once', async name => {
  const { store, path: file } = await carriedOver(name);
  const before = await objects(store, 'SELECT * FROM partitions ORDER BY source');
  await store.close();
  const again = await TestStore.open(file);
  expect(await objects(again, 'SELECT * FROM partitions ORDER BY source')).toEqual(before);
  await again.close();
});

test('a failure in the middle leaves the old database as it was', async () => {
  const { path: file, facts } = await copyOldDatabase('files');
  await changeOld(file, 'DROP TABLE lost_records');
  await expect(Database.open({ path: file, memoryLimit: '256MB', threads: 1 })).rejects.toThrow('lost_records');
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson();
  expect(await rows('SELECT version FROM layout')).toEqual([{ version: 2 }]);
  expect(await rows('SELECT * FROM partitions ORDER BY source')).toEqual(facts.partitions);
  expect(await rows('SELECT * FROM services ORDER BY service_id')).toEqual(facts.services);
  connection.closeSync();
  instance.closeSync();
});

describe('a database of files and standard input only', () => {
  test('has no split service any more, because they were one log (contract 2.9)', async () => {
    const { store } = await carriedOver('files');
    expect(await store.rows('SELECT count(*) FROM services_late'), 'a late fragment is looked at too').toEqual([['1']]);
    for (const table of ['services', 'states', 'tasks'])
      expect(await store.rows(`SELECT count(*) FROM ${table}_rows WHERE split`), table).toEqual([['0']]);
    const { splitServices } = await store.exported('services', all);
    expect(splitServices).toBe(0);
  });

  test('is provisional until each source is ingested again, and complete then (contract 4.25)', async () => {
    const { store, folder } = await carriedOver('files');
    const unread = ['(day-1.ndjson)', '(day-2.ndjson)', '(stdin-0)'].map(name =>
      expect.stringContaining(`${name}: ingest has not read it to its end`),
    );
    expect(await judged(store, january(1), january(2))).toEqual({
      status: 'provisional',
      reasons: unread,
      vouchedBy: [],
    });
    const limits = { batchRecords: 100, batchBytes: 100_000 };
    const input = standardInputSource({
      input: Readable.from([]),
      logRoot: path.join(folder, 'files.duckdb.log'),
      ...limits,
    });
    onTestFinished(() => input.close());
    const whole = { kind: 'file', isUnfinished: () => false } as const;
    const given: GivenSource[] = ['day-1.ndjson', 'day-2.ndjson'].map(name => {
      const source = ndjsonFileSource({ path: path.join(folder, name), ...limits });
      return { ...whole, path: name, source, partitions: source.partitions };
    });
    given.push({ ...whole, path: '-', source: input, partitions: input.partitions });
    const { signal } = new AbortController();
    const read = async ({ source }: GivenSource): Promise<void> => {
      const { recordsRead } = await ingest(source, store.warehouse, {
        keyFormat: 'string',
        clock: { now: Date.now },
        signal,
      });
      expect(recordsRead).toBe(0);
    };
    await ingestGiven(given, { warehouse: store.warehouse, clock: { now: Date.now }, signal, coversUntil: null, read });
    expect(await judged(store, january(1), january(2))).toMatchObject({ status: 'complete', reasons: [] });
    expect(await judged(store, january(2), january(3))).toMatchObject({ status: 'provisional' });
  });

  test('takes another file, whose events split no service, and exports it (contract 2.9, 2.17)', async () => {
    const { store } = await carriedOver('files');
    const midnight = { event: 'extension.updated', service_id: 'midnight', entity: 'service', name: 'n', value: 1 };
    const deleted = { event: 'service.started', service_id: 'deleted', timestamp: at(3, 1) };
    await storeEvents(store, 'file-0000000000000000', 'file', 0, midnight, deleted);
    const { rows, splitServices } = await store.exported('services', all);
    expect([rows, splitServices]).toEqual([7, 0]);
    expect(store.warehouse.sources().readings).toEqual([
      { partition: { topic: 'file-0000000000000000', partition: 3 }, from: 0, next: 2 },
    ]);
  });

  test('is split from a partition, as a new one is (contract 2.9)', async () => {
    const { store } = await carriedOver('files');
    const touched = { event: 'service.completed', service_id: 'late', timestamp: at(3, 1) };
    await storeEvents(store, 'calls', 'live', 0, touched);
    expect((await store.exported('services', all)).splitServices).toBe(1);
  });
});

describe('a database with a log folder, a file and a topic', () => {
  test('keeps its split marks, and the reason says who may have set them', async () => {
    const { store, facts } = await carriedOver('mixed');
    const marked = await objects(store, 'SELECT service_id FROM services_rows WHERE split ORDER BY ALL');
    expect(marked).toEqual(facts.split.services.map(({ service_id }) => ({ service_id })));
    const { reasons } = await judged(store, january(1), january(8));
    expect(reasons).toContainEqual(
      '2 of the services have events from more than one log (some may be marks of an earlier version, which took each file for a log of its own)',
    );
  });

  test('knows what each source is, and where reading began as far as the counts tell (contract 4.31)', async () => {
    const { store } = await carriedOver('mixed');
    const known = await store.rows(
      'SELECT topic, partition, kind, listed, first_offset FROM partitions ORDER BY topic, partition',
    );
    expect(known).toEqual([
      ['calls@8dbae699b989', 1, 'folder', false, '0'],
      ['calls@a8ff656cc687', 0, 'folder', false, '0'],
      ['file-3edcba4ba6aa46d1', 0, 'file', false, '0'],
      ['kafka.calls', 0, 'live', true, '0'],
      ['kafka.calls', 1, 'live', true, null],
      ['kafka.calls', 2, 'live', true, null],
      ['kafka.calls', 3, 'live', true, '0'],
    ]);
    const { reasons } = await judged(store, january(20), january(21));
    const unknown = reasons.filter(reason => reason.includes('it is not known where its first reading began'));
    expect(unknown.map(reason => reason.split(':')[0])).toEqual(['kafka.calls/1', 'kafka.calls/2']);
  });

  test('keeps its gap, which is met with an unknown watermark (contract 4.32)', async () => {
    const { store, facts } = await carriedOver('mixed');
    const { reason } = facts.lost_records[0]!;
    const unknown = { watermark: null, timeAfter: null };
    const gapsNow = () => store.warehouse.sources().partitions.get('kafka.calls/3')?.gaps;
    expect(gapsNow()).toEqual([{ from: 2, to: 5, reason, ...unknown }]);
    const { reasons } = await judged(store, january(20), january(21));
    expect(reasons).toContainEqual(expect.stringMatching(/^kafka\.calls\/3: 3 offsets from 2 on were lost/));
    await storeEvents(store, 'kafka.calls', 'live', 7, { event: 'service.started', service_id: 'x' });
    expect(gapsNow()).toEqual([{ from: 2, to: 5, reason, watermark: null, timeAfter: january(7) }]);
    const later = await judged(store, january(20), january(21));
    expect(later.reasons.join()).not.toContain('were lost');
  });
});

describe('exports of an old database', () => {
  test('are listed as they were, with their verdicts', async () => {
    const { store, facts } = await carriedOver('files');
    const verdicts = await store.rows(
      'SELECT request_id, state, completeness, manifest FROM exports ORDER BY accepted_at',
    );
    expect(verdicts.map(([id, state, verdict]) => [id, state, verdict])).toEqual([
      ['complete', 'completed', 'complete'],
      ['split', 'completed', 'provisional'],
      ['open-end', 'completed', 'provisional'],
    ]);
    expect(verdicts.map(row => row[3])).toEqual(facts.exports.map(({ manifest }) => manifest));
  });

  test('that are complete are watched: a late event marks them, and only them (contract 4.29, 4.30)', async () => {
    const { store } = await carriedOver('files');
    const late = { event: 'service.started', service_id: 'late-one', timestamp: at(1, 2) };
    expect(await storeEvents(store, 'file-0000000000000000', 'file', 0, late)).toEqual(['complete']);
    const requests = await DuckDbRequestStore.open(store.database, { now: Date.now });
    onTestFinished(() => requests.close());
    const changed = { topic: 'file-0000000000000000', partition: 3, offset: 0, services: 1 };
    expect((await requests.find('complete'))?.changedSince).toMatchObject(changed);
    expect((await requests.find('split'))?.changedSince).toBeNull();
  });

  test('that had not ended are run again, with a look of their own', async () => {
    const { store } = await carriedOver(
      'files',
      `UPDATE exports SET state = 'running', ended_at = NULL, manifest = NULL WHERE request_id = 'split'`,
    );
    const requests = await DuckDbRequestStore.open(store.database, { now: Date.now });
    onTestFinished(() => requests.close());
    const [left, ...others] = await requests.unfinished();
    expect(others).toEqual([]);
    expect(left).toMatchObject({ requestId: 'split', snapshotBatch: null, changedSince: null });
    expect(left?.plan.look).toBeNull();
  });
});
