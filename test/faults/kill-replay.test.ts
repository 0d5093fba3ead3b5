import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { goldenLines } from '../support/golden.ts';
import { tidemarkDoneHere } from '../support/in-process.ts';
import { chosenSeed, seededRandom } from '../support/random.ts';
import { readTables } from '../support/tables.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tidemarkDone, tidemarkKilled } from '../support/tidemark.ts';

const seed = chosenSeed();
const kills = process.env.SOAK ? 25 : 5;
const lines = goldenLines('messy/events.ndjson').slice(0, 1_500);

test(`a replay that is killed ${kills} times goes on with the same command, and is provisional until it has ended (contract 5.24, seed ${seed})`, {
  timeout: 300_000,
}, async () => {
  const random = seededRandom(seed);
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const inFolder = (name: string) => path.join(folder.path, name);
  await writeFile(inFolder('events.ndjson'), `${lines.join('\n')}\n`);
  const replay = (into: string) => [
    'replay',
    inFolder('events.ndjson'),
    '--into',
    inFolder(into),
    '--batch-records',
    '40',
    '--json',
  ];
  const began = performance.now();
  await tidemarkDone(replay('whole.duckdb'));
  let spanMs = performance.now() - began;
  const whole = await readTables(inFolder('whole.duckdb'));
  const window = ['--time-from', '1970-01-01T00:00:00Z', '--time-to', '2199-01-01T00:00:00Z', '--file-prefix', 'x_'];
  for (let killed = 0, number = 0; killed < kills; ) {
    const args = replay(`${number}.duckdb`);
    if (!(await tidemarkKilled(args, spanMs * random()))) {
      expect(await readTables(inFolder(`${number}.duckdb`)), `replay ${number}`).toEqual(whole);
      number += 1;
      spanMs *= 0.9;
      continue;
    }
    killed += 1;
    const database = await tidemarkDoneHere(['status', '--db', inFolder(`${number}.duckdb`), '--json']).catch(
      () => null,
    );
    // Nothing was recorded before it was killed.
    if (database === null || JSON.parse(database).partitions.length === 0) continue;
    const at = ['--db', inFolder(`${number}.duckdb`), '--export-root', inFolder('out'), '--json'];
    const { status, reasons, rows_from } = JSON.parse(await tidemarkDoneHere(['export', ...at, ...window]));
    // It may have been killed after it had ended, as it closed the database.
    if (rows_from.finished) expect(await readTables(inFolder(`${number}.duckdb`))).toEqual(whole);
    else {
      const unfinished = expect.stringMatching(/^replay not finished: file-[0-9a-f]{16}\/0 at \d+ of its end$/);
      expect([status, reasons], `after kill ${killed}`).toEqual(['provisional', expect.arrayContaining([unfinished])]);
    }
    if (killed < kills) continue;
    await tidemarkDone(args);
    expect(await readTables(inFolder(`${number}.duckdb`)), 'after the last kill').toEqual(whole);
  }
});
