import { expect, test } from 'vitest';
import { carriedOverFixture } from '../../../support/carried-over.ts';

test('a database of layout 3 is opened, holds what it held, and grows', async () => {
  const { store } = await carriedOverFixture(3);
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
