import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Pipe } from '../../../../connectors/duckdb/read/pipe.ts';
import { openTestStore, type TestStore } from '../../../support/store.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

async function openPipe(): Promise<Pipe> {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  return Pipe.open(path.join(folder.path, 'pipe'));
}

async function copy(store: TestStore, select: string, to: string): Promise<void> {
  const connection = await store.database.connect();
  await connection
    .run(`COPY (${select}) TO '${to}' (FORMAT csv, HEADER false, USE_TMP_FILE false)`)
    .finally(() => connection.closeSync());
}

const ignore = async () => undefined;

test('every byte reaches a slow sink', async () => {
  const store = await openTestStore();
  const pipe = await openPipe();
  let bytes = 0;
  await pipe.transfer(
    () => copy(store, "SELECT i, repeat('x', 100) FROM range(200000) t(i)", pipe.path),
    async chunk => {
      bytes += chunk.length;
      await new Promise(setImmediate);
    },
  );
  expect(bytes).toBe(
    200_000 * 102 +
      Array.from({ length: 200_000 }, (_, number) => String(number).length).reduce((sum, length) => sum + length),
  );
});

test('a query that does not bind ends the transfer with its error', async () => {
  const store = await openTestStore();
  const pipe = await openPipe();
  await expect(pipe.transfer(() => copy(store, 'SELECT no_such_column', pipe.path), ignore)).rejects.toThrow(
    /no_such_column/,
  );
});

test('a query that fails halfway ends the transfer with its error', async () => {
  const store = await openTestStore();
  const pipe = await openPipe();
  const select = "SELECT CASE WHEN i = 900000 THEN error('half way') ELSE i::VARCHAR END FROM range(1000000) t(i)";
  await expect(pipe.transfer(() => copy(store, select, pipe.path), ignore)).rejects.toThrow(/half way/);
});

test('a sink that fails ends the query with its error, and the database stays usable', async () => {
  const store = await openTestStore();
  const pipe = await openPipe();
  const failing = async () => {
    throw new Error('the disk is gone');
  };
  const select = "SELECT repeat('x', 1000) FROM range(1000000)";
  await expect(pipe.transfer(() => copy(store, select, pipe.path), failing)).rejects.toThrow('the disk is gone');
  expect(await store.rows('SELECT 1')).toEqual([[1]]);
});
