import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { logDirectorySource } from '../../connectors/log-files/log-directory-source.ts';
import { ndjsonFileSource, type UnterminatedLine } from '../../connectors/log-files/ndjson-file-source.ts';
import { standardInputSource } from '../../connectors/log-files/standard-input-source.ts';
import { hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import { type Ingested, ingest } from '../../pipeline/ingest/ingest.ts';
import type { Warehouse } from '../../pipeline/ingest/warehouse.ts';
import type { EventSource, SchemaRegistry } from '../../pipeline/ports.ts';
import { commandWithSettings, prepareRun, type Run } from '../command.ts';
import { withDatabase, withWarehouse } from '../main.ts';
import { formatCount, formatSeconds } from '../output.ts';
import { startProgress } from '../progress.ts';
import { openSchemaRegistry } from '../schema-registry.ts';
import type { Config } from '../settings/settings.ts';

/** `tidemark ingest`: events from logs, files or standard input into the database, each exactly once. */
export function ingestCommand(): Command {
  return commandWithSettings(
    'ingest',
    'read events into the database, each exactly once',
    [
      ...(['db', 'memory_limit', 'threads', 'batch_records', 'batch_bytes', 'key_format', 'skew_ms'] as const),
      ...(['registry_url', 'registry_username', 'registry_password_file', 'registry_ca_file'] as const),
    ],
    [
      'tidemark ingest events.ndjson.gz --db calls.duckdb',
      'tidemark ingest log/ --db calls.duckdb --json',
      'tail -n +1 -f events.ndjson | tidemark ingest - --db calls.duckdb',
    ],
  )
    .argument('<path...>', 'NDJSON files (plain or .gz), log folders, or - for standard input')
    .action(async (paths: readonly string[], options) => ingestPaths(paths, prepareRun(options)));
}

async function ingestPaths(paths: readonly string[], run: Run): Promise<void> {
  const sources = paths.map(path => openSource(path, run.config));
  try {
    const registry = openSchemaRegistry(run.config, reportProblem(run));
    await withDatabase(run.config, database =>
      withWarehouse(database, async warehouse => {
        for (const source of sources) await ingestOne(source, { warehouse, registry, run });
      }),
    );
  } finally {
    // An open but idle standard input, such as a terminal, would keep the process alive after an interruption or a failure.
    if (paths.includes('-')) process.stdin.destroy();
  }
  if (run.signal.aborted) {
    throw new TidemarkError('INTERRUPTED', 'interrupted between two transactions; run the same command again to go on');
  }
}

function reportProblem({ output }: Run): (problem: string | null) => void {
  return problem => output.notice(problem === null ? 'the schema registry answers again' : `waiting: ${problem}`);
}

/** A source, with its path, size and incomplete last line for messages to the user. */
interface NamedSource {
  readonly path: string;
  readonly source: EventSource;
  /** Null where the size cannot be known. */
  totalBytes(): Promise<number | null>;
  /** A last line without a line end that was left for the next run; null where there was none. */
  unterminated(): UnterminatedLine | null;
}

function openSource(path: string, config: Config): NamedSource {
  const limits = { batchRecords: config.batch_records, batchBytes: config.batch_bytes };
  const noUnterminated = { unterminated: () => null };
  if (path === '-') {
    const source = standardInputSource({ input: process.stdin, logRoot: `${config.db}.log`, ...limits });
    return { path, source, totalBytes: async () => null, ...noUnterminated };
  }
  if (isDirectory(path)) {
    const source = logDirectorySource({ path, ...limits });
    return { path, source, totalBytes: () => source.totalBytes(), ...noUnterminated };
  }
  const source = ndjsonFileSource({ path, ...limits });
  return { path, source, totalBytes: () => source.totalBytes(), unterminated: () => source.unterminated() };
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (cause) {
    if (!hasSystemCode(cause, 'ENOENT', 'ENOTDIR')) throw cause;
    throw new TidemarkError(
      'SOURCE_MISSING',
      `there is no ${path}; allowed are files, log folders, and - for standard input`,
      { cause },
    );
  }
}

interface Ingesting {
  readonly warehouse: Warehouse;
  readonly registry: SchemaRegistry | null;
  readonly run: Run;
}

async function ingestOne(
  { path, source, totalBytes, unterminated }: NamedSource,
  { warehouse, registry, run }: Ingesting,
): Promise<void> {
  const { config, output, signal } = run;
  const began = performance.now();
  const progress = startProgress(path === '-' ? 'standard input' : path, await totalBytes(), output);
  const options = {
    keyFormat: config.key_format,
    registry,
    skewMs: config.skew_ms,
    clock: { now: Date.now },
    signal,
    onStored: ({ recordsRead }: { readonly recordsRead: number }, { bytesRead }: { readonly bytesRead: number }) =>
      progress.advance(bytesRead, recordsRead),
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
