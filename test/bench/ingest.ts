import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Database } from '../../connectors/duckdb/file/database.ts';
import { DuckDbWarehouse } from '../../connectors/duckdb/warehouse.ts';
import { logDirectorySource } from '../../connectors/log-files/log-directory-source.ts';
import { foldBatch } from '../../pipeline/ingest/batch-folding.ts';
import { ingest } from '../../pipeline/ingest/ingest.ts';
import { callBatch } from './call-batch.ts';
import { writeCallsLog } from './calls-log.ts';
import { makeLargeStore } from './large-store.ts';
import { describeMachine, median, watchMemory } from './machine.ts';

/**
 * Ingest from the local log beside a program that only reads the same log and parses every record with JSON.parse, each
 * in a process of its own; and the time of one batch beside the number of rows that are stored.
 */
const rounds = Number(process.env.BENCH_ROUNDS ?? 3);
const large = Number(process.env.BENCH_LARGE_SERVICES ?? 10_000_000);
const folder = path.join(tmpdir(), 'tidemark-bench');
const log = path.join(folder, 'calls-log');
const limits = { batchRecords: 20_000, batchBytes: 16 << 20 };
const storing = { clock: { now: Date.now }, lateness: { allowedMs: 0, clockMs: 0 } };
const heapFlags = ['--min-semi-space-size=32', '--max-semi-space-size=32', '--heap-growing-percent=60'];

const programs: Readonly<Record<string, (argument: string) => Promise<object>>> = {
  parse: parseOnly,
  ingest: ingestLog,
  batches: timeBatches,
};

async function parseOnly(): Promise<object> {
  let records = 0;
  const began = performance.now();
  for await (const batch of logDirectorySource({ path: log, kind: 'folder', ...limits }).read(
    [],
    new AbortController().signal,
  )) {
    for (const { value } of batch.records) {
      if (value === null) continue;
      JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8'));
      records += 1;
    }
  }
  return { records, seconds: (performance.now() - began) / 1000 };
}

async function ingestLog(): Promise<object> {
  const database = path.join(folder, 'ingest.duckdb');
  for (const file of [database, `${database}.wal`]) rmSync(file, { force: true });
  const opened = await Database.open({ path: database, memoryLimit: '256MB', threads: 2 });
  const warehouse = await DuckDbWarehouse.open(opened, storing);
  const began = performance.now();
  const source = logDirectorySource({ path: log, kind: 'folder', ...limits });
  const { recordsRead } = await ingest(source, warehouse, {
    keyFormat: 'string',
    clock: { now: Date.now },
    signal: new AbortController().signal,
  });
  const seconds = (performance.now() - began) / 1000;
  await warehouse.close();
  await opened.close();
  return { records: recordsRead, seconds };
}

async function timeBatches(database: string): Promise<object> {
  const opened = await Database.open({ path: database, memoryLimit: '256MB', threads: 2 });
  const began = performance.now();
  const warehouse = await DuckDbWarehouse.open(opened, storing);
  const openSeconds = (performance.now() - began) / 1000;
  const milliseconds: number[] = [];
  const done = warehouse.positions().find(({ partition }) => partition.topic === 'bench')?.nextOffset ?? 0;
  for (let round = done / 20_000; round < done / 20_000 + 25; round += 1) {
    const records = callBatch({ prefix: 'new', round, startMs: 1_900_000_000_000 + round * 60_000, stepMs: 1 }).map(
      (value, index) => ({
        offset: round * 20_000 + index,
        timestamp: null,
        key: null,
        value,
        headers: [],
      }),
    );
    const next = { nextOffset: (round + 1) * 20_000, bookmark: null };
    const started = performance.now();
    const partition = { topic: 'bench', partition: 0 };
    const batch = {
      partition,
      kind: 'live',
      origin: 'bench',
      records,
      from: round * 20_000,
      next,
      bytesRead: 0,
    } as const;
    await warehouse.store(foldBatch(batch, { keyFormat: 'string', clock: { now: Date.now } }));
    milliseconds.push(performance.now() - started);
  }
  await warehouse.close();
  await opened.close();
  return { openSeconds, milliseconds: median(milliseconds), worst: Math.max(...milliseconds) };
}

function measure(name: string, argument = ''): Record<string, number> {
  const child = spawnSync(process.execPath, [...heapFlags, fileURLToPath(import.meta.url), name, argument], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.status !== 0) throw new Error(`${name} ended with ${child.status}`);
  return JSON.parse(child.stdout) as Record<string, number>;
}

async function compare(): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const events = await writeCallsLog(log);
  console.log(`ingest, ${describeMachine()}; ${events} events of the month of calls, medians of ${rounds}`);
  const runs = { parse: [] as Record<string, number>[], ingest: [] as Record<string, number>[] };
  for (let round = 0; round < rounds; round += 1)
    for (const name of ['parse', 'ingest'] as const) runs[name].push(measure(name));
  const rate = (name: 'parse' | 'ingest') => events / median(runs[name].map(({ seconds }) => seconds!));
  console.log(`  read and JSON.parse ${Math.round(rate('parse'))} events/s`);
  console.log(
    `  ingest ${Math.round(rate('ingest'))} events/s, peak ${median(runs.ingest.map(({ peakMb }) => peakMb!))} MB: ${(rate('ingest') / rate('parse')).toFixed(2)} of it (target 0.4)`,
  );
  const perService = { service: 1, state: 2, task: 1 };
  const times: number[] = [];
  for (const services of [100_000, large]) {
    const database = path.join(folder, `batches-${services}.duckdb`);
    await makeLargeStore({ path: database, services, perService, hits: 20_000 });
    const { milliseconds, worst, openSeconds, peakMb } = measure('batches', database);
    times.push(milliseconds!);
    console.log(
      `  batch of 20,000 events with ${services} services stored: ${milliseconds!.toFixed(0)} ms, worst ${worst!.toFixed(0)} ms; opened in ${openSeconds!.toFixed(1)} s, peak ${peakMb} MB`,
    );
  }
  console.log(`  ${(times[1]! / times[0]!).toFixed(2)} times as long (target at most 1.5)`);
}

const [, , program, argument = ''] = process.argv;
if (program === undefined) await compare();
else {
  const memory = watchMemory();
  const result = await programs[program]!(argument);
  process.stdout.write(JSON.stringify({ ...result, ...memory.stop() }));
}
