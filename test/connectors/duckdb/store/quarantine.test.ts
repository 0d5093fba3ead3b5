import { expect, test } from 'vitest';
import { readQuarantine } from '../../../../connectors/duckdb/store/quarantine.ts';
import { openTestStore } from '../../../support/store.ts';

test('quarantined records are listed by partition, then offset, up to the limit', async () => {
  const store = await openTestStore();
  await store.storeLines(['no', '{}'], 1);
  await store.storeLines(['no', '{}'], 0);
  const list = async (filter: { readonly offset?: number; readonly reason?: string; readonly limit: number }) =>
    (await readQuarantine(store.database, filter)).map(of => `${of.partition} ${of.offset} ${of.reason}`);
  const all = ['0 0 MALFORMED', '0 1 UNKNOWN_KIND', '1 0 MALFORMED', '1 1 UNKNOWN_KIND'];
  expect(await list({ limit: 9 })).toEqual(all);
  expect(await list({ limit: 3 })).toEqual(all.slice(0, 3));
  expect(await list({ offset: 0, limit: 9 })).toEqual(['0 0 MALFORMED', '1 0 MALFORMED']);
  expect(await list({ reason: 'UNKNOWN_KIND', limit: 1 })).toEqual(['0 1 UNKNOWN_KIND']);
});
