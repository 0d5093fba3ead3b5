import { existsSync, statSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import { runChild } from '../support/child-program.ts';
import { killWhen } from '../support/killing.ts';
import { copyOldDatabase } from '../support/old-database.ts';
import { TestStore } from '../support/store.ts';
import { startTidemark } from '../support/tidemark.ts';

type Facts = Awaited<ReturnType<typeof copyOldDatabase>>['facts'];

/** The version of the tables in a file, as the next process finds them, and what they hold. */
async function found(file: string) {
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson();
  const [layout] = await rows('SELECT version FROM layout');
  const facts = {
    services: await rows('SELECT * FROM services ORDER BY service_id'),
    positions: await rows('SELECT topic, partition, next_offset FROM partitions ORDER BY source'),
    tables: (await rows('SELECT table_name FROM duckdb_tables()')).map(({ table_name }) => table_name),
  };
  connection.closeSync();
  instance.closeSync();
  return { version: layout?.version, ...facts };
}

/** Checks that a killed process left the database of a whole step, and that the next one carries it over. */
async function checkLeft(file: string, facts: Facts): Promise<unknown> {
  const { version, services, positions, tables } = await found(file);
  expect(services).toEqual(facts.services);
  expect(positions).toEqual(
    facts.partitions.map(({ topic, partition, next_offset }) => ({ topic, partition, next_offset })),
  );
  expect([2, 4, 5]).toContain(version);
  expect(tables.includes('lost_records'), `layout ${version}`).toBe(version === 2);
  expect(tables.includes('gaps'), `layout ${version}`).toBe(version !== 2);
  expect(tables.filter(name => String(name).endsWith('_2'))).toEqual([]);
  const store = await TestStore.open(file);
  expect(await store.rows('SELECT version FROM layout')).toEqual([[5]]);
  await store.storeLines(['{"event":"service.started","service_id":"after","timestamp":"2026-02-01T00:00:00Z"}']);
  expect(await store.rows('SELECT count(*) FROM services')).toEqual([[String(facts.services.length + 1)]]);
  await store.close();
  return version;
}

test('a database that is carried over is that of a whole step, wherever the process is killed', async () => {
  const { path: file, facts } = await copyOldDatabase('mixed');
  const left: unknown[] = [];
  for (const count of [0, 1, 12, 20, 30, 40, 50, 'step', 999]) {
    const copy = `${file}.${count}`;
    await copyFile(file, copy);
    const { signal, stderr } = await runChild({ program: 'carry-over-until-killed', args: [copy, String(count)] });
    expect(signal, stderr).toBe('SIGKILL');
    left.push(await checkLeft(copy, facts));
  }
  expect(left).toEqual([2, 2, 2, 2, 2, 2, 2, 4, 5]);
});

test('also when it is killed while the transaction is written to disk', async () => {
  const { path: file, facts } = await copyOldDatabase('files');
  for (const bytes of [1, 10_000, 30_000]) {
    const copy = `${file}.${bytes}`;
    await copyFile(file, copy);
    const log = `${copy}.wal`;
    const command = startTidemark(['partitions', '--db', copy]);
    await killWhen(command, `${bytes} bytes of ${log}`, () => existsSync(log) && statSync(log).size >= bytes);
    await checkLeft(copy, facts);
  }
});
