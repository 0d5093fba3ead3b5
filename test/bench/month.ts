import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monthOfCalls } from './calls-log.ts';
import { describeMachine } from './machine.ts';

/** A user's way: the month of calls from its packed file into a new database, and one CSV export of the whole month. */
const folder = mkdtempSync(path.join(tmpdir(), 'tidemark-month-'));
const database = path.join(folder, 'calls.duckdb');
const commands = [
  ['ingest', monthOfCalls, '--db', database],
  ['export', '--db', database, '--export-root', path.join(folder, 'out'), '--file-prefix', 'august_'].concat([
    '--time-from',
    '2010-08-01T00:00:00Z',
    '--time-to',
    '2010-09-01T00:00:00Z',
  ]),
];

console.log(`month, ${describeMachine()}`);
const began = performance.now();
try {
  for (const command of commands) {
    const started = performance.now();
    const { status, stderr } = spawnSync(path.resolve('dist/ops/tidemark.cjs'), command, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${command[0]} ended with ${status}: ${stderr}`);
    console.log(`  ${command[0]}, its start included: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }
  console.log(`  359,543 events in and the whole month out: ${((performance.now() - began) / 1000).toFixed(1)} s`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
