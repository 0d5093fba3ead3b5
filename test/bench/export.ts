import { spawnSync } from 'node:child_process';
import { createReadStream, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { createGzip } from 'node:zlib';
import { Database } from '../../connectors/duckdb/file/database.ts';
import { DuckDbRequestStore } from '../../connectors/duckdb/request-store.ts';
import { DuckDbSnapshots } from '../../connectors/duckdb/snapshot.ts';
import { openExportDirectory } from '../../connectors/export-directory/local-export-directory.ts';
import { runExport } from '../../pipeline/export/export.ts';
import { withoutLog } from '../../pipeline/export/log-wait.ts';
import type { GivenParameters } from '../../pipeline/export/parameters.ts';
import { acceptAs } from '../support/accepting.ts';
import { noReplays } from '../support/no-replays.ts';
import { pickPlainly, plainCopyOptions, plainSelect } from '../support/plain-export.ts';
import { makeLargeStore } from './large-store.ts';
import { describeMachine, median, watchMemory } from './machine.ts';

/**
 * Exports beside what they are measured against, each in a process of its own with the same memory, threads and
 * temporary folder: plain CSV beside DuckDB's bare COPY of the same rows straight to disk, gzip beside one thread of
 * Node's zlib packing the same bytes.
 */
const services = Number(process.env.BENCH_SERVICES ?? 1_000_000);
const rounds = Number(process.env.BENCH_ROUNDS ?? 3);
const folder = path.join(tmpdir(), 'tidemark-bench');
const database = path.join(folder, `export-${services}.duckdb`);
const limits = { path: database, memoryLimit: '256MB', threads: 2 };
const window = { time_from: '2010-01-01T00:00:00Z', time_to: '2030-01-01T00:00:00Z' };

interface Measured {
  readonly seconds: number;
  readonly bytes: number;
  readonly idleMb: number;
  readonly peakMb: number;
}

const programs: Readonly<Record<string, () => Promise<Omit<Measured, 'idleMb' | 'peakMb'>>>> = {
  bare: bareCopy,
  plain: () => ourExport({}),
  gzip: () => ourExport({ compression: 'gzip' }),
  ndjson: () => ourExport({ format: 'ndjson' }),
  zlib: zlibAlone,
};

/** DuckDB alone: the same rows in the same order by one SELECT a file, to files. */
async function bareCopy() {
  const opened = await Database.open(limits);
  const began = performance.now();
  const selection = {
    timeFrom: Date.parse(window.time_from),
    timeTo: Date.parse(window.time_to),
    filterEvents: 'any',
    filterState: 'any',
  } as const;
  const connection = await opened.connect();
  await pickPlainly(connection, selection);
  for (const kind of ['tasks', 'states', 'services'] as const) {
    const file = path.join(folder, `bare_${kind}.csv`);
    await connection.run(`COPY (${plainSelect(kind, selection)}) TO '${file}' (${plainCopyOptions})`);
  }
  const seconds = (performance.now() - began) / 1000;
  connection.closeSync();
  await opened.close();
  return { seconds, bytes: 0 };
}

async function ourExport(more: GivenParameters) {
  const opened = await Database.open(limits);
  const store = await DuckDbRequestStore.open(opened, { now: Date.now });
  const directory = await openExportDirectory({ root: path.join(folder, 'out'), create: true });
  const parts = {
    store,
    directory,
    clock: { now: Date.now },
    ...withoutLog,
    replays: noReplays,
    snapshots: new DuckDbSnapshots(opened, { maxExtensionColumns: 1000 }),
  };
  const began = performance.now();
  const record = await acceptAs({ file_prefix: 'bench', ...window, ...more }, `bench-${process.pid}`, parts);
  const { manifest } = await runExport(record, {
    ...parts,
    contradictions: { watch: () => undefined, unwatch: () => undefined },
    lateness: { allowedMs: 0, clockMs: 0 },
    skewMs: 0,
    software: 'bench',
    signal: new AbortController().signal,
  });
  const seconds = (performance.now() - began) / 1000;
  await store.close();
  await opened.close();
  return { seconds, bytes: manifest.files.reduce((sum, file) => sum + file.bytes, 0) };
}

async function zlibAlone() {
  const began = performance.now();
  let bytes = 0;
  for (const kind of ['tasks', 'states', 'services']) {
    const source = createReadStream(path.join(folder, `bare_${kind}.csv`), { highWaterMark: 1 << 20 });
    source.on('data', chunk => {
      bytes += chunk.length;
    });
    await pipeline(source, createGzip({ level: 6 }), new Writable({ write: (_chunk, _encoding, done) => done() }));
  }
  return { seconds: (performance.now() - began) / 1000, bytes };
}

function measure(name: string): Measured {
  rmSync(path.join(folder, 'out'), { recursive: true, force: true });
  const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), name], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.status !== 0) throw new Error(`${name} ended with ${child.status}`);
  return JSON.parse(child.stdout) as Measured;
}

async function compare(): Promise<void> {
  console.log(
    `export, ${describeMachine()}; ${services} services, ${services * 3} states, ${services * 2} tasks, medians of ${rounds}`,
  );
  mkdirSync(folder, { recursive: true });
  await makeLargeStore({ path: database, services, perService: { service: 1, state: 3, task: 2 }, hits: 0 });
  const results = new Map<string, Measured[]>(['bare', 'plain', 'zlib', 'gzip', 'ndjson'].map(name => [name, []]));
  for (let round = 0; round < rounds; round += 1) for (const [name, measured] of results) measured.push(measure(name));
  const seconds = (name: string) => median(results.get(name)!.map(measured => measured.seconds));
  for (const [name, measured] of results) {
    const growth = median(measured.map(({ idleMb, peakMb }) => peakMb - idleMb));
    console.log(`  ${name.padEnd(7)} ${seconds(name).toFixed(2)} s, memory +${growth} MB`);
  }
  console.log(`  plain at ${(seconds('bare') / seconds('plain')).toFixed(2)} of the bare COPY's rate (target 0.75)`);
  console.log(`  gzip at ${(seconds('zlib') / seconds('gzip')).toFixed(2)} of one zlib thread's rate (target 0.85)`);
}

const [, , program] = process.argv;
if (program === undefined) await compare();
else {
  const memory = watchMemory();
  const result = await programs[program]!();
  process.stdout.write(JSON.stringify({ ...result, ...memory.stop() }));
}
