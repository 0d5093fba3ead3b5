import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, onTestFinished } from 'vitest';
import { copyOldDatabase } from './old-database.ts';
import { TestStore } from './store.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** An old database, carried over; closed with the test. */
export async function carriedOver(name: 'files' | 'mixed', beforehand?: string) {
  const old = await copyOldDatabase(name);
  if (beforehand !== undefined) await changeOld(old.path, beforehand);
  const store = await TestStore.open(old.path);
  onTestFinished(() => store.close());
  return { ...old, store };
}

export async function changeOld(file: string, sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  await connection.run(sql);
  connection.closeSync();
  instance.closeSync();
}

/** Rows as DuckDB writes them as JSON, by column. */
export async function objects(store: TestStore, sql: string): Promise<readonly Record<string, unknown>[]> {
  const connection = await store.database.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJson();
  } finally {
    connection.closeSync();
  }
}

/** The database of a fixture, carried over; checks that its views hold what they held. Closed with the test. */
export async function carriedOverFixture(layout: 3 | 4) {
  const fixture = `test/fixtures/layout-${layout}`;
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const file = path.join(folder.path, 'files.duckdb');
  await writeFile(file, gunzipSync(await readFile(`${fixture}/files.duckdb.gz`)));
  const held = JSON.parse(await readFile(`${fixture}/files.json`, 'utf8'));
  const store = await TestStore.open(file);
  onTestFinished(() => store.close());
  expect(await store.rows('SELECT version, store_id FROM layout')).toEqual([[5, held.layout[0].store_id]]);
  for (const [table, order] of [
    ['services', 'service_id'],
    ['states', 'service_id, state_id'],
    ['tasks', 'service_id, task_id'],
  ])
    expect(await objects(store, `SELECT * FROM ${table} ORDER BY ${order}`), table).toEqual(held[table!]);
  return { store, held };
}
