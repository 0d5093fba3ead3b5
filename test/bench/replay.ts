import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { writeCallsLog } from './calls-log.ts';
import { describeMachine, median } from './machine.ts';

/**
 * `npm run bench:replay`: a replay of a log folder beside the first ingest of the same log, and a verification beside the
 * replay and the export that it repeats. Each is the command as a user starts it, its start included, by turns.
 */
const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const folder = path.join(tmpdir(), 'tidemark-bench');
const log = path.join(folder, 'calls-log');
const place = (name: string): string => path.join(folder, `replay-${name}`);
const month = ['--time-from', '2010-08-01T00:00:00Z', '--time-to', '2010-09-01T00:00:00Z', '--manifest'];

interface Times {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** What the four commands took of one round. */
type Round = Readonly<Record<'ingest' | 'replay' | 'export' | 'verify', Times>>;

function measureRound(): Round {
  for (const name of ['live.duckdb', 'live.duckdb.wal', 'again.duckdb', 'again.duckdb.wal', 'out'])
    rmSync(place(name), { recursive: true, force: true });
  const ingest = measure('ingest', log, '--db', place('live.duckdb'));
  const replay = measure('replay', log, '--into', place('again.duckdb'));
  const to = ['--export-root', place('out'), '--file-prefix', 'month_'];
  const exported = measure('export', '--db', place('again.duckdb'), ...to, ...month);
  const manifest = readdirSync(place('out')).find(name => name.endsWith('_manifest.json'))!;
  const verify = measure('verify', path.join(place('out'), manifest), '--log', log);
  return { ingest, replay, export: exported, verify };
}

function measure(...args: readonly string[]): Times {
  const cpuBefore = cpuOfChildren();
  const began = performance.now();
  const { status, stderr } = spawnSync(path.resolve('dist/ops/tidemark.cjs'), args, { encoding: 'utf8' });
  const seconds = (performance.now() - began) / 1000;
  if (status !== 0) throw new Error(`${args[0]} ended with ${status}: ${stderr}`);
  return { seconds, cpuSeconds: cpuOfChildren() - cpuBefore };
}

/** CPU seconds of all programs that this one started and that have ended, as Linux counts them. */
function cpuOfChildren(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ');
  return (Number(stat[13]) + Number(stat[14])) / 100;
}

mkdirSync(folder, { recursive: true });
const events = await writeCallsLog(log);
console.log(`replay, ${describeMachine()}; ${events} events of the month of calls, medians of ${rounds}`);
const measured = Array.from({ length: rounds }, measureRound);
for (const name of ['ingest', 'replay', 'export', 'verify'] as const) {
  const seconds = median(measured.map(round => round[name].seconds));
  const cpuSeconds = median(measured.map(round => round[name].cpuSeconds));
  const rate = name === 'export' ? '' : `, ${Math.round(events / seconds)} events/s`;
  console.log(`  ${name.padEnd(6)} ${seconds.toFixed(2)} s, ${cpuSeconds.toFixed(2)} CPU s${rate}`);
}
for (const unit of ['seconds', 'cpuSeconds'] as const) {
  const rate = median(measured.map(({ ingest, replay }) => ingest[unit] / replay[unit]));
  const times = median(measured.map(({ replay, export: of, verify }) => verify[unit] / (replay[unit] + of[unit])));
  console.log(
    `  by ${unit === 'seconds' ? 'time' : 'CPU time'}: replay at ${rate.toFixed(2)} of ingest's rate (target at least 0.95), verify ${times.toFixed(2)} × replay and export (target at most 1.2)`,
  );
}
for (const name of readdirSync(folder).filter(entry => entry.startsWith('replay-')))
  rmSync(path.join(folder, name), { recursive: true });
