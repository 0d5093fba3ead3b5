import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { objects } from '../../../support/carried-over.ts';
import { TestStore } from '../../../support/store.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

test('a database of layout 3 is opened, holds what it held, and grows', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const file = path.join(folder.path, 'files.duckdb');
  await writeFile(file, gunzipSync(await readFile('test/fixtures/layout-3/files.duckdb.gz')));
  const held = JSON.parse(await readFile('test/fixtures/layout-3/files.json', 'utf8'));
  const store = await TestStore.open(file);
  onTestFinished(() => store.close());
  expect(await store.rows('SELECT version, store_id FROM layout')).toEqual([[5, held.layout[0].store_id]]);
  for (const [table, order] of [
    ['services', 'service_id'],
    ['states', 'service_id, state_id'],
    ['tasks', 'service_id, task_id'],
  ])
    expect(await objects(store, `SELECT * FROM ${table} ORDER BY ${order}`), table).toEqual(held[table!]);
  const more = {
    event: 'extension.updated',
    entity: 'service',
    service_id: 'large',
    name: 'b',
    value: 'y'.repeat(6_000),
  };
  await store.storeLines([JSON.stringify(more)]);
  const [service] = await store.rows("SELECT extensions FROM services WHERE service_id = 'large'");
  expect(JSON.parse(String(service![0]))).toEqual({ a: 'x'.repeat(6_000), b: 'y'.repeat(6_000) });
});
