import type { Command } from 'commander';
import type { Database } from '../../connectors/duckdb/file/database.ts';
import { DuckDbRequestStore } from '../../connectors/duckdb/request-store.ts';
import { mustVouch, type Sources } from '../../pipeline/completeness/sources.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { reportCompleteness } from '../../pipeline/export/reported-completeness.ts';
import { ingestGiven } from '../../pipeline/ingest/given-sources.ts';
import { type Ingested, ingest, type StoredGroup } from '../../pipeline/ingest/ingest.ts';
import type { Warehouse } from '../../pipeline/ingest/warehouse.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { PartitionId, SchemaRegistry } from '../../pipeline/ports.ts';
import { refuseReplay } from '../../pipeline/replay/replay.ts';
import { formatTimestamp, parseTimestamp } from '../../schemas/json/timestamps.ts';
import { commandWithSettings, prepareRun, type Run } from '../command.ts';
import { withDatabase, withWarehouse } from '../main.ts';
import { describeLost, formatCount, formatSeconds } from '../output.ts';
import { startProgress } from '../progress.ts';
import { openNoticedRegistry } from '../schema-registry.ts';
import { type NamedSource, openSource } from './given-paths.ts';

/** `tidemark ingest`: events from logs, files or standard input into the database, each exactly once. */
export function ingestCommand(): Command {
  return commandWithSettings(
    'ingest',
    'read events into the database, each exactly once',
    [
      ...(['db', 'memory_limit', 'threads', 'batch_records', 'batch_bytes', 'key_format', 'max_record_bytes'] as const),
      ...(['kafka_on_lost_records', 'allowed_lateness_ms', 'clock_lateness_ms'] as const),
      ...(['registry_url', 'registry_username', 'registry_password_file', 'registry_ca_file'] as const),
    ],
    [
      'tidemark ingest events.ndjson.gz --db calls.duckdb',
      'tidemark ingest log/ --db calls.duckdb --json',
      'tail -n +1 -f events.ndjson | tidemark ingest - --db calls.duckdb',
      'tidemark ingest day-31.ndjson --covers-until 2026-02-01T00:00:00Z --db calls.duckdb',
    ],
  )
    .argument('[path...]', 'NDJSON files (plain or .gz), log folders, or - for standard input')
    .option(
      '--covers-until <time>',
      'declares that all events before this time have been given, once all paths are read; needs no path',
    )
    .action(async (paths: readonly string[], options) => ingestPaths(paths, options));
}

async function ingestPaths(paths: readonly string[], options: Readonly<Record<string, unknown>>): Promise<void> {
  const run = prepareRun(options);
  const coversUntil = readCoverage(options.coversUntil);
  if (paths.length === 0 && coversUntil === null)
    throw new TidemarkError('USAGE', 'ingest needs a path, or --covers-until <time>; see tidemark ingest --help');
  const sources = paths.map(path => openSource(path, run.config));
  const contradicted = new Set<string>();
  try {
    const registry = openNoticedRegistry(run.config, sentence => run.output.notice(sentence));
    await withDatabase(run.config, database =>
      withWarehouse(run.config, database, async warehouse => {
        refuseReplay(warehouse.sources());
        try {
          const { isFinished } = await ingestGiven(sources, {
            ...{ warehouse, coversUntil, clock: { now: Date.now }, signal: run.signal },
            read: (given, onStored) => ingestOne(given, { warehouse, registry, run, contradicted, onStored }),
          });
          if (coversUntil !== null) reportCoverage(isFinished, warehouse.sources(), run);
        } finally {
          // Also after a failure: what was stored before it contradicts them.
          await reportContradicted(contradicted, database, run);
        }
      }),
    );
  } finally {
    for (const { close } of sources) await close?.();
    // An open but idle standard input, such as a terminal, would keep the process alive after an interruption or a failure.
    if (paths.includes('-')) process.stdin.destroy();
  }
  if (run.signal.aborted) {
    throw new TidemarkError('INTERRUPTED', 'interrupted between two transactions; run the same command again to go on');
  }
}

/** The time of `--covers-until`, in milliseconds since 1970 UTC. Throws `USAGE` for no time, and for one that is to come. */
function readCoverage(given: unknown): number | null {
  if (given === undefined) return null;
  const time = parseTimestamp(String(given));
  const now = Date.now();
  if (typeof time === 'number' && time <= now) return time;
  const allowed = `allowed is a time with a zone, such as 2026-01-31T00:00:00Z, not later than now, ${formatTimestamp(now)}`;
  throw new TidemarkError('USAGE', `--covers-until is ${JSON.stringify(given)}; ${allowed}`);
}

/** Says for which sources the declaration changes nothing, because windows wait for them. */
function reportCoverage(isFinished: boolean, sources: Sources, { output }: Run): void {
  if (!isFinished) {
    output.notice('covers-until was not recorded: not everything was read to its end');
    return;
  }
  const partitions = Array.from(sources.partitions.values()).filter(mustVouch);
  const topics = sources.topics.filter(({ declared, end }) => declared === null && end === null);
  const names = [...topics.map(({ topic }) => topic), ...partitions.map(({ partition }) => partitionName(partition))];
  for (const name of names) output.notice(`covers-until changes nothing for ${name}, which has not ended`);
}

/** Lists the complete exports that the new events contradict. */
async function reportContradicted(ids: ReadonlySet<string>, database: Database, { output }: Run): Promise<void> {
  if (ids.size === 0) return;
  const store = await DuckDbRequestStore.open(database, { now: Date.now });
  try {
    const records = (await Promise.all(Array.from(ids, id => store.find(id)))).filter(record => record !== null);
    const listed = records.map(record => ({
      request_id: record.requestId,
      file_prefix: record.plan.parameters.filePrefix,
      time_from: formatTimestamp(record.plan.parameters.timeFrom),
      time_to: formatTimestamp(record.plan.timeTo),
      ...reportCompleteness(record),
    }));
    if (output.json) output.result(JSON.stringify({ contradicted_exports: listed }));
    else
      for (const { request_id, time_from, time_to, changed_since } of listed)
        output.notice(
          `export ${request_id} of ${time_from} to ${time_to} was complete and is contradicted: ${changed_since?.services ?? 0} services changed since`,
        );
  } finally {
    await store.close();
  }
}

interface Ingesting {
  readonly warehouse: Warehouse;
  readonly registry: SchemaRegistry | null;
  readonly run: Run;
  /** Where the ids of contradicted exports are added. */
  readonly contradicted: Set<string>;
  readonly onStored: (partition: PartitionId) => void;
}

async function ingestOne(
  { path, source, totalBytes, unterminated, shrink }: NamedSource,
  { warehouse, registry, run, contradicted, onStored }: Ingesting,
): Promise<void> {
  const { config, output, signal } = run;
  const began = performance.now();
  const bytes = await totalBytes();
  const label = path === '-' ? 'standard input' : path;
  const progress = startProgress(label, bytes === null ? null : { bytes }, output);
  const options = {
    keyFormat: config.key_format,
    maxRecordBytes: config.max_record_bytes,
    registry,
    clock: { now: Date.now },
    signal,
    shrink: () => {
      const smaller = shrink();
      if (smaller !== null)
        output.notice(`${path}: memory cannot hold a batch; going on with batches of half the size`);
      return smaller;
    },
    onStored: (stored: StoredGroup) => {
      for (const id of stored.contradicted) contradicted.add(id);
      for (const { facts, bytesRead } of stored.batches) {
        onStored(facts.partition);
        if (facts.lost !== null) output.notice(describeLost(facts.partition, facts.lost));
        progress.advance(bytesRead, facts.recordsRead);
      }
    },
  };
  const ingested = await ingest(source, warehouse, options).finally(() => progress.end());
  report(path, ingested, performance.now() - began, run);
  const left = unterminated();
  if (left !== null)
    output.notice(
      `${path}: line ${left.offset + 1} (${left.bytes} bytes) has no line end yet and was left for the next run`,
    );
}

function report(path: string, ingested: Ingested, milliseconds: number, { config, output }: Run): void {
  const { recordsRead, applied, quarantined } = ingested;
  if (output.json) {
    const counts = { records_read: recordsRead, applied, quarantined };
    output.result(JSON.stringify({ path, ...counts, seconds: milliseconds / 1000 }));
    return;
  }
  const rate = formatCount(Math.round(recordsRead / Math.max(milliseconds / 1000, 0.001)));
  output.result(
    `${path}: ${formatCount(recordsRead)} records read = ${formatCount(applied)} applied + ${formatCount(quarantined)} quarantined, in ${formatSeconds(milliseconds)} (${rate}/s)`,
  );
  if (quarantined > 0)
    output.notice(`see what was quarantined, and why, with: tidemark quarantine list --db ${config.db}`);
}
