import type { Command } from 'commander';
import { DuckDbRequestStore } from '../../connectors/duckdb/request-store.ts';
import { type ReplayReport, replayReportOf } from '../../connectors/http/replay-report.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { recordedReplay } from '../../pipeline/requests/replay-job.ts';
import type { ReplayStore } from '../../pipeline/requests/replay-request.ts';
import { commandWithSettings, prepareRun, type Run, wholeNumber } from '../command.ts';
import { replaysOf, withExistingDatabase } from '../main.ts';
import { formatCount, formatTable, type Output } from '../output.ts';
import { findClient } from '../service/client.ts';
import { replayAddressOf } from '../service/remote-export.ts';
import { tellUnusedSettings } from '../service/unused-settings.ts';

const examples = [
  'tidemark replays --db calls.duckdb',
  'tidemark replays march --json',
  'tidemark replays march --drop',
];

interface Wanted {
  /** Null for the newest ones. */
  readonly id: string | null;
  readonly limit: number;
  readonly drop: boolean;
}

/** `tidemark replays`: the replays of the service from every door, of the running service or of the database file. */
export function replaysCommand(): Command {
  return commandWithSettings(
    'replays',
    "list the service's replays, newest first, or show one",
    ['db', 'replay_folder'],
    examples,
  )
    .argument('[request-id]', 'show this replay alone')
    .option('--limit <replays>', 'how many to list at most', wholeNumber, 20)
    .option('--drop', 'remove the database of the replay, which has ended; it stays listed', false)
    .action(async (id: string | undefined, options) => {
      const run = prepareRun(options);
      const { output } = run;
      const wanted = { id: id ?? null, limit: Math.min(Math.max(options.limit, 1), 1000), drop: options.drop === true };
      if (wanted.drop && wanted.id === null)
        throw new TidemarkError('USAGE', '--drop needs the id of a replay; tidemark replays lists them');
      const reports = await readReports(wanted, run);
      if (output.json) output.result(JSON.stringify(wanted.id === null ? reports : reports[0]));
      else show(reports, output);
    });
}

async function readReports({ id, limit, drop }: Wanted, run: Run): Promise<readonly ReplayReport[]> {
  const client = await findClient(run.config.db);
  if (client === null) return inFile({ id, limit, drop }, run);
  tellUnusedSettings(run, client);
  if (id === null) return client.ask<readonly ReplayReport[]>({ path: `/replays?limit=${limit}` });
  const path = replayAddressOf(id);
  const known = await client.ask<ReplayReport>({ path });
  if (!drop) return [known];
  if (known.ended_at === null) throw notEnded(known);
  return [await client.ask<ReplayReport>({ method: 'DELETE', path })];
}

function inFile({ id, limit, drop }: Wanted, { config }: Run): Promise<readonly ReplayReport[]> {
  return withExistingDatabase(config, async database => {
    const store = await DuckDbRequestStore.open(database, { now: Date.now });
    try {
      if (id === null) return (await store.replays.list(limit)).map(record => replayReportOf(recordedReplay(record)));
      const known = await findReport(id, store.replays);
      if (!drop) return [known];
      if (known.ended_at === null) throw notEnded(known);
      await replaysOf(config, store).drop(id);
      return [await findReport(id, store.replays)];
    } finally {
      await store.close();
    }
  });
}

async function findReport(id: string, store: ReplayStore): Promise<ReplayReport> {
  const record = await store.find(id);
  if (record !== null) return replayReportOf(recordedReplay(record));
  throw new TidemarkError('REQUEST_UNKNOWN', `there is no replay with request id ${JSON.stringify(id)}`);
}

function notEnded({ request_id: id, state }: ReplayReport): TidemarkError {
  return new TidemarkError('REQUEST_UNFINISHED', `replay ${id} is ${state}; end it with: tidemark cancel ${id}`);
}

function show(reports: readonly ReplayReport[], output: Output): void {
  const head = ['request', 'state', 'client', 'accepted', 'from', 'until', 'records', 'database', 'why'];
  const rows = reports.map(({ progress, error, dropped_at: droppedAt, ...report }) => [
    ...[report.request_id, report.state, report.client, report.accepted_at, report.from, report.until],
    progress.records === null || report.state === 'completed'
      ? formatCount(progress.records_read)
      : `${formatCount(progress.records_read)} of ${formatCount(progress.records)}`,
    report.database ?? '',
    error?.code ?? (report.state === 'completed' && droppedAt !== null ? `dropped ${droppedAt}` : ''),
  ]);
  output.result(formatTable(head, rows));
  if (reports.length === 1 && reports[0]?.error != null) output.result(`\n${reports[0].error.message}`);
}
