import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { drawExport } from '../support/drawn-exports.ts';
import { goldenPath } from '../support/golden.ts';
import { chosenSeed, seededRandom } from '../support/random.ts';
import { needTool } from '../support/skipping.ts';
import { verifyingInFolder } from '../support/verifying.ts';

const { run, pathOf, verify } = verifyingInFolder();
const seed = chosenSeed();
const windows = process.env.SOAK ? 50 : 20;
const begin = Date.parse('2010-08-01T00:00:00Z');
const month = goldenPath('calls/calls-august.ndjson.gz');

test(`${windows} exports of the month of calls are verified in one pass, and by a program that shares no code (seed ${seed})`, {
  timeout: 600_000,
}, async context => {
  needTool(context, 'python3');
  const random = seededRandom(seed);
  await run('ingest', month);
  for (let at = 0; at < windows; at += 1)
    await run(
      ...['export', '--export-root', 'out', '--file-prefix', `${at}_`, '--manifest'],
      ...drawExport(random, { begin, longestHours: 24 }),
    );
  const names = (await readdir(pathOf('out'))).filter(name => name.endsWith('_manifest.json'));
  const manifests = names.map(name => path.join('out', name));
  const judge = path.resolve('test/judges/rebuild.py');
  const judging = promisify(execFile)('python3', [judge, ...manifests, '--log', month, '--files', 'out'], {
    cwd: pathOf('.'),
    maxBuffer: 1 << 26,
    // It ends with 1 where it does not agree, and says of which manifest.
  }).catch((error: { readonly stdout: string }) => error);
  const [{ code, told }, judged] = await Promise.all([verify(...manifests, '--log', month), judging]);
  expect(told.filter(({ answer }) => answer !== 'verified')).toEqual([]);
  expect([code, told.length]).toEqual([0, windows]);
  expect(judged.stdout.trim().split('\n').toSorted()).toEqual(manifests.map(name => `${name}: agrees`).toSorted());
});
