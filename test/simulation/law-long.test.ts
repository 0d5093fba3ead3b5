import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { duckDbStore } from './duckdb-store.ts';
import { judgeSeeds } from './judging.ts';

const isSoak = process.env.SOAK !== undefined;
const minute = 60_000;
const soakMinutes = 20;
/** Not the seeds of the short test. */
const firstSeed = 1_000;

test('many histories keep the law of complete (contract 4.20)', { timeout: 60 * minute }, async () => {
  const end = Date.now() + soakMinutes * minute;
  const goesOn = (seeds: number): boolean => seeds < (isSoak ? 20_000 : 1_000) || (isSoak && Date.now() < end);
  const { seeds, exports, complete } = await judgeSeeds({ firstSeed, goesOn });
  console.log(`${seeds} histories, ${exports} exports, ${complete} of them complete: none is against the law`);
  expect(complete).toBeGreaterThan(seeds);
});

test('histories of the database itself keep it too', { timeout: 30 * minute }, async () => {
  const folder = await temporaryFolder();
  const most = isSoak ? 300 : 8;
  const openStore = async () => duckDbStore(path.join(folder.path, `${randomUUID()}.duckdb`));
  try {
    const { seeds, exports } = await judgeSeeds({ firstSeed, goesOn: count => count < most, openStore });
    console.log(`${seeds} histories of the database, ${exports} exports: none is against the law`);
    expect(exports).toBeGreaterThan(seeds);
  } finally {
    await folder.remove();
  }
});
