import { readdir } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import { copyOldDatabase } from './old-database.ts';

test.each([
  ['files', ['day-1.ndjson', 'day-2.ndjson', 'files.duckdb', 'files.duckdb.log']],
  ['mixed', ['addition.ndjson', 'log', 'mixed.duckdb']],
] as const)('the old database %s has layout 2, what its facts say, and its sources beside it', async (name, beside) => {
  const { path, folder, facts } = await copyOldDatabase(name);
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson();
  expect(await rows('SELECT version FROM layout')).toEqual([{ version: 2 }]);
  expect(await rows('SELECT * FROM services ORDER BY service_id')).toEqual(facts.services);
  expect(await rows('SELECT * FROM partitions ORDER BY source')).toEqual(facts.partitions);
  expect(await rows('SELECT * FROM exports ORDER BY accepted_at')).toEqual(facts.exports);
  connection.closeSync();
  instance.closeSync();
  expect((await readdir(folder)).toSorted()).toEqual(beside);
});

test('they hold split services, one of them as a late fragment, a gap, and a complete and a provisional export', async () => {
  const { facts: files } = await copyOldDatabase('files');
  const { facts: mixed } = await copyOldDatabase('mixed');
  expect(files.split.services.map(row => row.service_id)).toEqual(['midnight', 'noted', 'piped']);
  expect(mixed.split.services.map(row => row.service_id)).toEqual(['kafka-0-0', 'log-1']);
  expect(mixed.lost_records).toHaveLength(1);
  const verdicts = files.exports.map(row => (JSON.parse(String(row.manifest)) as { status: string }).status);
  expect(verdicts).toEqual(['complete', 'provisional', 'provisional']);
});
