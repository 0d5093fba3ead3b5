import { DuckDBInstance } from '@duckdb/node-api';
import { onTestFinished } from 'vitest';
import { copyOldDatabase } from './old-database.ts';
import { TestStore } from './store.ts';

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
