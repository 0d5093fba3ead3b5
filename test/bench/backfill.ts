import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Database } from '../../connectors/duckdb/file/database.ts';
import { DuckDbWarehouse } from '../../connectors/duckdb/warehouse.ts';
import { foldBatch } from '../../pipeline/ingest/batch-folding.ts';
import { callBatch } from './call-batch.ts';
import { makeLargeStore } from './large-store.ts';
import { describeMachine, median } from './machine.ts';

/**
 * A back-fill of a million events into a store of ten million services: with no complete export to contradict, and with a
 * thousand exported hours, each of which it contradicts. By turns, each in a process of its own.
 */
const rounds = Number(process.env.BENCH_ROUNDS ?? 3);
const services = Number(process.env.BENCH_LARGE_SERVICES ?? 10_000_000);
const folder = path.join(tmpdir(), 'tidemark-bench');
const batches = 50;
const batchEvents = 20_000;
const hourMs = 3_600_000;
/** The stored services begin then, half a second apart. */
const firstMs = Date.UTC(2010, 0, 1);
const windows = 1_000;

async function backfill(database: string, isWatched: boolean): Promise<object> {
  const opened = await Database.open({ path: database, memoryLimit: '256MB', threads: 2 });
  const clock = { now: Date.now };
  const warehouse = await DuckDbWarehouse.open(opened, { clock, lateness: { allowedMs: 0, clockMs: 0 } });
  for (let hour = 0; isWatched && hour < windows; hour += 1) {
    const timeFrom = firstMs + hour * hourMs;
    warehouse.watch({ requestId: `hour-${hour}`, timeFrom, timeTo: timeFrom + hourMs, filterEvents: 'any' });
  }
  const topic = 'backfill';
  const done = warehouse.positions().find(({ partition }) => partition.topic === topic)?.nextOffset ?? 0;
  const contradicted = new Set<string>();
  const began = performance.now();
  for (let round = done / batchEvents; round < done / batchEvents + batches; round += 1) {
    const at = firstMs + ((round % batches) / batches) * windows * hourMs;
    const stepMs = (windows * hourMs) / batches / batchEvents;
    const lines = callBatch({ prefix: 'fill', round, startMs: at, stepMs });
    const from = round * batchEvents;
    const records = lines.map((value, index) => ({
      offset: from + index,
      timestamp: null,
      key: null,
      value,
      headers: [],
    }));
    const next = { nextOffset: from + batchEvents, bookmark: null };
    const batch = {
      partition: { topic, partition: 0 },
      kind: 'live',
      origin: 'bench',
      records,
      from,
      next,
      bytesRead: 0,
    };
    const stored = await warehouse.store(foldBatch({ ...batch, kind: 'live' }, { keyFormat: 'string', clock }));
    for (const id of stored) contradicted.add(id);
  }
  const seconds = (performance.now() - began) / 1000;
  await warehouse.close();
  await opened.close();
  return { seconds, contradicted: contradicted.size };
}

function measure(mode: string, database: string): { readonly seconds: number; readonly contradicted: number } {
  const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), mode, database], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.status !== 0) throw new Error(`${mode} ended with ${child.status}`);
  return JSON.parse(child.stdout);
}

async function compare(): Promise<void> {
  mkdirSync(folder, { recursive: true });
  console.log(`backfill, ${describeMachine()}; ${services} services stored, medians of ${rounds}`);
  const database = path.join(folder, `backfill-${services}.duckdb`);
  await makeLargeStore({ path: database, services, perService: { service: 1, state: 2, task: 1 }, hits: 20_000 });
  const seconds = { plain: [] as number[], watched: [] as number[] };
  for (let round = 0; round < rounds; round += 1)
    for (const mode of ['plain', 'watched'] as const) {
      const measured = measure(mode, database);
      if (mode === 'watched' && measured.contradicted !== windows)
        throw new Error(`${measured.contradicted} of ${windows} exports were contradicted`);
      seconds[mode].push(measured.seconds);
    }
  const rate = (mode: 'plain' | 'watched') => (batches * batchEvents) / median(seconds[mode]);
  console.log(`  no exported window ${Math.round(rate('plain'))} events/s`);
  console.log(
    `  ${windows} exported windows ${Math.round(rate('watched'))} events/s: ${(rate('watched') / rate('plain')).toFixed(2)} of it (target at least 0.8)`,
  );
}

const [, , mode, database = ''] = process.argv;
if (mode === undefined) await compare();
else process.stdout.write(JSON.stringify(await backfill(database, mode === 'watched')));
