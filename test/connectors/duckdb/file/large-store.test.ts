import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Database } from '../../../../connectors/duckdb/file/database.ts';
import { makeLargeStore } from '../../../bench/large-store.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

test('the benchmarks can make their large store in the present layout', async () => {
  const folder = await temporaryFolder();
  onTestFinished(() => folder.remove());
  const file = path.join(folder.path, 'large.duckdb');
  await makeLargeStore({ path: file, services: 40, perService: { service: 1, state: 3, task: 2 }, hits: 20 });
  const database = await Database.open({ path: file, memoryLimit: '256MB', threads: 1 });
  const connection = await database.connect();
  const counts = await connection.runAndReadAll(
    'SELECT (SELECT count(*) FROM services)::INT, (SELECT count(*) FROM states)::INT, (SELECT count(*) FROM tasks)::INT',
  );
  connection.closeSync();
  await database.close();
  expect(counts.getRows()).toEqual([[60, 120, 80]]);
});
