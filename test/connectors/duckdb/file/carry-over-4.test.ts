import { expect, test } from 'vitest';
import { carriedOverFixture, objects } from '../../../support/carried-over.ts';

test('a database of layout 4 is opened, holds what it held, and grows', async () => {
  const { store, held } = await carriedOverFixture(4);
  const known = await objects(store, 'SELECT * FROM partitions ORDER BY source');
  const unknown = { cluster_id: null, topic_id: null, last_offset: null, last_time: null, last_sha256: null };
  expect(known).toEqual(held.partitions.map((row: object) => ({ ...row, ...unknown })));
  expect(await store.rows('SELECT count(*)::INT FROM decodings')).toEqual([[0]]);
  const line = JSON.stringify({ event: 'service.started', service_id: 'five', timestamp: '2026-03-02T08:00:00Z' });
  await store.storeLines([line]);
  expect(await store.rows('SELECT last_sha256 FROM partitions WHERE last_sha256 IS NOT NULL')).toHaveLength(1);
  expect(await store.rows('SELECT number, key_format FROM decodings')).toEqual([[0, 'string']]);
});
