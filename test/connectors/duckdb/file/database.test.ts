import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, onTestFinished, test } from 'vitest';
import { Database } from '../../../../connectors/duckdb/file/database.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

test('a file with the tables of another version is refused, with both versions named, and is not changed', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const options = { path: join(folder.path, 'old.duckdb'), memoryLimit: '100MB', threads: 1 };
  await (await Database.open(options)).close();
  const tablesOf = async (change: string): Promise<unknown> => {
    const instance = await DuckDBInstance.create(options.path);
    const connection = await instance.connect();
    await connection.run(change);
    const reader = await connection.runAndReadAll('SELECT table_name FROM duckdb_tables() ORDER BY 1');
    instance.closeSync();
    return reader.getRows();
  };
  const before = await tablesOf('UPDATE layout SET version = 1; DROP TABLE outbox');
  await expect(Database.open(options)).rejects.toMatchObject({
    code: 'WAREHOUSE_UNFIT',
    message: expect.stringMatching(/old\.duckdb has layout 1, .*reads and writes layout 5.*Set db to another file/),
  });
  expect(await tablesOf('SELECT 1')).toEqual(before);
});

test('what a dead process left beside the database, such as the file of a stream, is removed at the next opening', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const options = { path: join(folder.path, 'x.duckdb'), memoryLimit: '100MB', threads: 1 };
  const staging = `${options.path}.staging`;
  await mkdir(staging);
  await writeFile(join(staging, 'e8b6.stream'), 'written before it lost its name');
  const database = await Database.open(options);
  onTestFinished(() => database.close());
  expect(database.stagingFolder).toBe(staging);
  expect(await readdir(staging)).toEqual([]);
});

test('a file system that makes no folder beside the database is NOT_WRITABLE and names it', async () => {
  const opening = Database.open({ path: '/proc/y.duckdb', memoryLimit: '100MB', threads: 1 });
  await expect(opening).rejects.toMatchObject({
    code: 'NOT_WRITABLE',
    message: expect.stringContaining('could not make the folder /proc/y.duckdb.staging beside the database'),
  });
});
