import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { TidemarkError } from '../../pipeline/errors.ts';
import { recoverExports, runExport } from '../../pipeline/export/export.ts';
import type { Manifest } from '../../pipeline/export/manifest.ts';
import { describeParameter, parameterNames, parameterTable } from '../../pipeline/export/parameter-table.ts';
import type { GivenParameters } from '../../pipeline/export/parameters.ts';
import type { Asker, ExportPlan, ExportRecord } from '../../pipeline/export/request.ts';
import { acceptExport } from '../../pipeline/requests/accept.ts';
import { commandWithSettings, givenOption, prepareRun, type Run } from '../command.ts';
import { type ExportParts, withExistingDatabase, withExports } from '../main.ts';
import { formatCount, formatTable, type Output } from '../output.ts';
import { startProgress } from '../progress.ts';
import { findClient, type ServiceClient } from '../service/client.ts';
import { exportByService } from '../service/remote-export.ts';
import { tellUnusedSettings } from '../service/unused-settings.ts';
import { flagOf } from '../settings/settings.ts';

/** The client that requests of the command line are recorded with. */
export const localAsker: Asker = { door: 'cli', client: 'command line' };

/** `tidemark export`: one window of the database, as files. */
export function exportCommand(): Command {
  const command = commandWithSettings(
    'export',
    'write the services of a time window to files',
    [
      ...(['db', 'export_root', 'prefix_map', 'memory_limit', 'threads', 'max_extension_columns'] as const),
      ...(['allowed_lateness_ms', 'clock_lateness_ms', 'skew_ms'] as const),
    ],
    [
      'tidemark export --db calls.duckdb --export-root out --file-prefix hourly/ --time-from 2010-08-05T09:00:00Z --time-to 2010-08-05T10:00:00Z',
      'tidemark export --file-prefix day --time-from 2010-08-05T00:00:00Z --format ndjson --compression gzip --manifest',
    ],
  );
  for (const name of parameterNames) {
    const isFlag = parameterTable[name].kind.name === 'flag';
    command.option(isFlag ? flagOf(name) : `${flagOf(name)} <${name}>`, describeParameter(name));
  }
  command.option(
    '--request-id <id>',
    'sending the same id and parameters again returns the recorded outcome (default: a new id)',
  );
  return command.action(options => exportOnce(options));
}

async function exportOnce(options: Readonly<Record<string, unknown>>): Promise<void> {
  const run = prepareRun(options);
  const requestId = typeof options.requestId === 'string' ? options.requestId : randomUUID();
  const client = await findClient(run.config.db);
  if (client !== null) return exportByRunningService(client, { requestId, given: givenParameters(options), run });
  await withExistingDatabase(run.config, database =>
    withExports(run.config, { database, signal: cancelledBy(run.signal) }, async parts => {
      for (const left of await recoverExports(parts)) await runUnfinished(left, parts, run.output);
      const record = await acceptExport({ given: givenParameters(options), requestId, asker: localAsker }, parts);
      const manifest = await runWithProgress(record, parts, run.output);
      showExport(record.plan, manifest, run.output);
    }),
  );
}

interface WantedExport {
  readonly requestId: string;
  readonly given: GivenParameters;
  readonly run: Run;
}

/** The running service owns the database, so it makes the export, with its own settings and in its own export root. */
async function exportByRunningService(client: ServiceClient, { requestId, given, run }: WantedExport): Promise<void> {
  const { output, signal } = run;
  tellUnusedSettings(run, client);
  const progress = startProgress('export', null, output);
  const onProgress = (bytes: number): void => progress.advance(bytes, 0);
  const asked = exportByService({ client, requestId, given, signal, onProgress });
  const { plan, manifest } = await asked.finally(() => progress.end());
  showExport(plan, manifest, output);
}

/** Ctrl-C on the command line cancels the export. */
function cancelledBy(interrupt: AbortSignal): AbortSignal {
  const cancelled = new AbortController();
  interrupt.addEventListener('abort', () =>
    cancelled.abort(
      new TidemarkError('CANCELLED', 'the export was cancelled at the keyboard; none of its files exist'),
    ),
  );
  return cancelled.signal;
}

/** Runs an export that an earlier process left unfinished. Its failure is recorded and does not stop the current export. */
async function runUnfinished(left: ExportRecord, parts: ExportParts, output: Output): Promise<void> {
  output.notice(`running export ${left.requestId} again: an earlier process died during it`);
  try {
    await runExport(left, parts);
  } catch (error) {
    if (!(error instanceof TidemarkError) || parts.signal.aborted) throw error;
    output.notice(`export ${left.requestId} failed: ${error.message} [${error.code}]`);
  }
}

async function runWithProgress(record: ExportRecord, parts: ExportParts, output: Output): Promise<Manifest> {
  const progress = startProgress('export', null, output);
  try {
    return (await runExport(record, { ...parts, onProgress: ({ bytes }) => progress.advance(bytes, 0) })).manifest;
  } finally {
    progress.end();
  }
}

function givenParameters(options: Readonly<Record<string, unknown>>): GivenParameters {
  const given: Record<string, string> = {};
  for (const name of parameterNames) {
    const value = givenOption(options, name);
    if (value !== undefined) given[name] = String(value);
  }
  return given;
}

/** The folder and names of an export's files. */
interface ExportedFiles {
  readonly destination: Pick<ExportPlan['destination'], 'folder'>;
  readonly names: ExportPlan['names'];
}

/** Prints the files of an export: as a table, or as one JSON object. */
export function showExport(
  { destination: { folder }, names }: ExportedFiles,
  manifest: Manifest,
  output: Output,
): void {
  if (output.json) {
    output.result(JSON.stringify({ ...manifest, paths: names.map(name => join(folder, name)) }));
    return;
  }
  const rows = manifest.files.map(file => [file.name, file.rows, file.packed_bytes, file.packed_sha256]);
  output.result(formatTable(['file', 'rows', 'bytes', 'SHA-256'], rows));
  output.result(`\nin ${dirname(join(folder, 'x'))}, ${manifest.status}`);
  for (const reason of manifest.reasons) output.result(`  because ${reason}`);
  const leftOut = manifest.files.reduce((sum, file) => sum + file.values_outside_columns, 0);
  if (leftOut > 0) output.result(`  ${formatCount(leftOut)} extension values are not in extension_columns`);
}
