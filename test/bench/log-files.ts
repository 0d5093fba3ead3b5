/** Speed of the local event log and of NDJSON files: `node dist/test/bench/log-files.js [records] [rounds]`. */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { appendStandardInput } from '../../connectors/log-files/lines/standard-input.ts';
import { openLogWriter } from '../../connectors/log-files/log/log-writer.ts';
import { logDirectorySource } from '../../connectors/log-files/log-directory-source.ts';
import { ndjsonFileSource } from '../../connectors/log-files/ndjson-file-source.ts';
import type { EventSource, NewRecord } from '../../pipeline/ports.ts';

const APPEND_RECORDS = 1_000;
const VALUE_BYTES = 245;
const LINE_BYTES = 300;
const LIMITS = { batchRecords: 4_096, batchBytes: 8 * 1024 * 1024 };

/** Prints the machine, the versions and the median rate of each way, in records per second. */
export async function benchLogFiles(records: number, rounds: number): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tidemark-bench-'));
  try {
    const plain = await writeLines(folder, records);
    const packed = await packLines(folder, records);
    const rates = new Map<string, number[]>();
    const time = async (name: string, run: () => Promise<number>): Promise<void> => {
      const start = process.hrtime.bigint();
      const done = await run();
      const rate = done / (Number(process.hrtime.bigint() - start) / 1e9);
      rates.set(name, [...(rates.get(name) ?? []), rate]);
    };
    for (let round = 0; round < rounds; round += 1) {
      const root = path.join(folder, `log-${round}`);
      await time('log: append 1,000 at a time, fsync each', () => appendAll(root, records));
      await time('log: read', () => drain(logDirectorySource({ path: root, kind: 'folder', ...LIMITS })));
      await time('file: read plain NDJSON', () => drain(ndjsonFileSource({ path: plain, ...LIMITS })));
      await time('file: read packed NDJSON', () => drain(ndjsonFileSource({ path: packed, ...LIMITS })));
      await time('standard input: append to a log', () => appendLines(root, plain));
      await rm(root, { recursive: true });
    }
    report(records, rates);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function appendAll(root: string, records: number): Promise<number> {
  const writer = await openLogWriter({ root, topic: 'bench', partition: 0 });
  const key = Buffer.from('0123456789abcdef0123');
  const value = Buffer.alloc(VALUE_BYTES, 'x');
  const batch: NewRecord[] = Array.from({ length: APPEND_RECORDS }, () => ({
    timestamp: 1_700_000_000_000,
    key,
    value,
  }));
  for (let done = 0; done < records; done += APPEND_RECORDS) await writer.append(batch);
  await writer.close();
  return records;
}

async function drain(source: EventSource): Promise<number> {
  let read = 0;
  for await (const { records } of source.read([], new AbortController().signal)) read += records.length;
  return read;
}

async function appendLines(root: string, file: string): Promise<number> {
  const writer = await openLogWriter({ root, topic: 'input', partition: 0 });
  const handle = await open(file);
  const appended = await appendStandardInput(handle.createReadStream(), writer, { batchRecords: 4_096, flushMs: 200 });
  await writer.close();
  return appended.records;
}

async function writeLines(folder: string, records: number): Promise<string> {
  const file = path.join(folder, 'lines.ndjson');
  const handle = await open(file, 'w');
  for (let from = 0; from < records; from += 10_000)
    await handle.write(linesText(from, Math.min(records, from + 10_000)));
  await handle.close();
  return file;
}

async function packLines(folder: string, records: number): Promise<string> {
  const file = path.join(folder, 'lines.packed');
  const handle = await open(file, 'w');
  for (let from = 0; from < records; from += 10_000) {
    await handle.write(gzipSync(linesText(from, Math.min(records, from + 10_000))));
  }
  await handle.close();
  return file;
}

function linesText(from: number, to: number): string {
  const lines = Array.from({ length: to - from }, (_, index) => {
    const start = `{"event":"service.started","service_id":"${from + index}","customer_id":"`;
    return `${start}${'c'.repeat(LINE_BYTES - start.length - 3)}"}\n`;
  });
  return lines.join('');
}

function report(records: number, rates: ReadonlyMap<string, readonly number[]>): void {
  const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}`;
  const sizes = `records of ${VALUE_BYTES + 20} bytes, lines of ${LINE_BYTES}`;
  process.stdout.write(`${machine}; Node ${process.version}, zlib ${process.versions.zlib}; ${records} ${sizes}\n`);
  for (const [name, times] of rates) {
    const median = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
    process.stdout.write(
      `${name.padEnd(42)} ${Math.round(median / 1000)
        .toString()
        .padStart(6)} k/s, median of ${times.length}\n`,
    );
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await benchLogFiles(Number(process.argv[2] ?? 1_000_000), Number(process.argv[3] ?? 5));
}
