import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { Command } from 'commander';
import { diskFailure, makeFolder } from '../../connectors/disk.ts';
import { openLogWriter } from '../../connectors/log-files/log/log-writer.ts';
import { logDirectorySource } from '../../connectors/log-files/log-directory-source.ts';
import { runExport } from '../../pipeline/export/export.ts';
import { ingestGiven } from '../../pipeline/ingest/given-sources.ts';
import { ingest } from '../../pipeline/ingest/ingest.ts';
import type { Warehouse } from '../../pipeline/ingest/warehouse.ts';
import type { NewRecord } from '../../pipeline/ports.ts';
import { acceptExport } from '../../pipeline/requests/accept.ts';
import { packageRoot } from '../../schemas/package-files.ts';
import { prepareRun, type Run } from '../command.ts';
import { withDatabase, withExports, withWarehouse } from '../main.ts';
import { formatCount, formatSeconds } from '../output.ts';
import { startProgress } from '../progress.ts';
import { localAsker, showExport } from './export.ts';

const folder = 'tidemark-demo';
const day = 'calls-2010-08-05.ndjson.gz';
const eventsInDay = 17_152;
const appendRecords = 2_000;

/** `tidemark demo`: a day of real calls through log, database and export, without a broker. */
export function demoCommand(): Command {
  return new Command('demo')
    .description(`write a day of real calls to a log, ingest it and export a window; everything is in ./${folder}`)
    .option('--json', 'print results as JSON, for machines', false)
    .addHelpText('after', '\nExamples:\n  $ npm run demo\n  $ tidemark demo --json')
    .action(async options => demo(prepareRun(options)));
}

async function demo(base: Run): Promise<void> {
  const places = { db: join(folder, 'calls.duckdb'), log: join(folder, 'log'), exports: join(folder, 'exports') };
  const run: Run = { ...base, config: { ...base.config, db: places.db, export_root: places.exports } };
  // Only files of an earlier demo are removed, never the folder: a user may have put other files into it.
  for (const path of [places.db, `${places.db}.wal`, places.log, places.exports])
    await rm(path, { recursive: true, force: true });
  await makeFolder(folder).catch(error => {
    throw diskFailure(error, `make the folder ${folder}`, 'NOT_WRITABLE');
  });
  const began = performance.now();

  await appendDay(places.log, run);
  await withDatabase(run.config, async database => {
    await withWarehouse(run.config, database, warehouse => ingestLog(places.log, warehouse, run));
    await withExports(run.config, { database, signal: run.signal }, async parts => {
      const window = { time_from: '2010-08-05T09:00:00.000Z', time_to: '2010-08-05T12:00:00.000Z' };
      const record = await acceptExport(
        { given: { file_prefix: 'morning_', ...window }, requestId: 'demo', asker: localAsker },
        parts,
      );
      showExport(record.plan, (await runExport(record, parts)).manifest, run.output);
    });
  });
  if (!run.output.json)
    run.output.result(
      `\ndone in ${formatSeconds(performance.now() - began)}. ${nextCommands(places.db, places.exports)}`,
    );
}

async function appendDay(root: string, { output }: Run): Promise<void> {
  const writer = await openLogWriter({ root, topic: 'calls', partition: 0 });
  const progress = startProgress('append to a local log', null, output);
  let waiting: NewRecord[] = [];
  const append = async (): Promise<void> => {
    await writer.append(waiting);
    progress.advance(
      waiting.reduce((sum, { value }) => sum + (value?.length ?? 0), 0),
      waiting.length,
    );
    waiting = [];
  };
  try {
    for await (const line of createInterface({ input: openDay(), crlfDelay: Number.POSITIVE_INFINITY })) {
      waiting.push(recordOf(line));
      if (waiting.length === appendRecords) await append();
    }
    if (waiting.length > 0) await append();
  } finally {
    progress.end();
    await writer.close();
  }
  output.notice(`${formatCount(eventsInDay)} events of a real call centre appended to ${root}`);
}

function openDay(): NodeJS.ReadableStream {
  return createReadStream(join(packageRoot(), 'examples', day)).pipe(createGunzip());
}

/** The record as a producer would have written it: keyed by its service, with the event's time. */
function recordOf(line: string): NewRecord {
  const { service_id, timestamp } = JSON.parse(line) as { service_id: string; timestamp: string };
  return { timestamp: Date.parse(timestamp), key: Buffer.from(service_id), value: Buffer.from(line) };
}

async function ingestLog(path: string, warehouse: Warehouse, { config, output, signal }: Run): Promise<void> {
  const limits = { batchRecords: config.batch_records, batchBytes: config.batch_bytes };
  const source = logDirectorySource({ path, kind: 'folder', ...limits });
  const given = { path, kind: 'folder' as const, source, partitions: source.partitions, isUnfinished: () => false };
  const options = { keyFormat: config.key_format, clock: { now: Date.now }, signal };
  await ingestGiven([given], {
    ...{ warehouse, signal, coversUntil: null, clock: options.clock },
    async read(_, onStored) {
      const ingested = await ingest(source, warehouse, {
        ...options,
        onStored({ batches }) {
          for (const { facts } of batches) onStored(facts.partition);
        },
      });
      const { recordsRead, applied, quarantined } = ingested;
      output.notice(
        `${formatCount(recordsRead)} records read = ${formatCount(applied)} applied + ${formatCount(quarantined)} quarantined\n`,
      );
    },
  });
}

function nextCommands(db: string, exports: string): string {
  return `Try next:
  npx tidemark status --db ${db}
  npx tidemark export --db ${db} --export-root ${exports} --file-prefix day_ --time-from 2010-08-05T00:00:00Z --time-to 2010-08-06T00:00:00Z --format ndjson --compression gzip --manifest
  npx tidemark ingest examples/${day} --db another.duckdb`;
}
