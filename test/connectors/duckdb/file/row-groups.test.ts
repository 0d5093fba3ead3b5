import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { TestStore } from '../../../support/store.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

const started = (service: string) =>
  `{"event":"service.started","service_id":"${service}","timestamp":"2026-03-01T10:00:00Z"}`;

async function rowGroups(store: TestStore, table: string): Promise<number> {
  const [row] = await store.rows(`SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('${table}')`);
  return Number(row![0]);
}

describe('row groups', () => {
  test('are not merged while batches are stored, even when they are small', async () => {
    const folder = await temporaryFolder();
    const store = await TestStore.open(path.join(folder.path, 'test.duckdb'));
    try {
      for (let batch = 0; batch < 6; batch += 1) {
        await store.storeLines([started(`s-${batch}`)]);
        await store.rows('CHECKPOINT');
      }
      expect(await rowGroups(store, 'services_open')).toBe(6);
    } finally {
      await store.close();
      await folder.remove();
    }
  });

  test('left by many short runs are merged at the end of a run, and keep every row', async () => {
    const folder = await temporaryFolder();
    const counts: number[] = [];
    try {
      for (let run = 0; run < 54; run += 1) {
        const store = await TestStore.open(path.join(folder.path, 'test.duckdb'));
        counts.push(await rowGroups(store, 'services_open'));
        await store.storeLines([started(`s-${run}`)]);
        expect(await store.rows('SELECT count(*) FROM services')).toEqual([[String(run + 1)]]);
        await store.close();
      }
      expect(counts.slice(0, 51)).toEqual(Array.from({ length: 51 }, (_, run) => run));
      expect(counts.at(-1)).toBeLessThan(5);
    } finally {
      await folder.remove();
    }
  });
});
