import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { objects } from '../../../support/carried-over.ts';
import { TestStore } from '../../../support/store.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

test('a database of layout 4 is opened, holds what it held, and grows', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const file = path.join(folder.path, 'files.duckdb');
  await writeFile(file, gunzipSync(await readFile('test/fixtures/layout-4/files.duckdb.gz')));
  const held = JSON.parse(await readFile('test/fixtures/layout-4/files.json', 'utf8'));
  const store = await TestStore.open(file);
  onTestFinished(() => store.close());
  expect(await store.rows('SELECT version, store_id FROM layout')).toEqual([[5, held.layout[0].store_id]]);
  for (const [table, order] of [
    ['services', 'service_id'],
    ['states', 'service_id, state_id'],
    ['tasks', 'service_id, task_id'],
  ])
    expect(await objects(store, `SELECT * FROM ${table} ORDER BY ${order}`), table).toEqual(held[table!]);
  const known = await objects(store, 'SELECT * FROM partitions ORDER BY source');
  const unknown = { cluster_id: null, topic_id: null, last_offset: null, last_time: null, last_sha256: null };
  expect(known).toEqual(held.partitions.map((row: object) => ({ ...row, ...unknown })));
  expect(await store.rows('SELECT count(*)::INT FROM decodings')).toEqual([[0]]);
  const line = JSON.stringify({ event: 'service.started', service_id: 'five', timestamp: '2026-03-02T08:00:00Z' });
  await store.storeLines([line]);
  expect(await store.rows('SELECT last_sha256 FROM partitions WHERE last_sha256 IS NOT NULL')).toHaveLength(1);
  expect(await store.rows('SELECT number, key_format FROM decodings')).toEqual([[0, 'string']]);
});
