import { resolve } from 'node:path';
import type { Command } from 'commander';
import { DuckDbRequestStore } from '../../connectors/duckdb/request-store.ts';
import { type ExportReport, reportOf } from '../../connectors/http/export-report.ts';
import { recordedView } from '../../pipeline/requests/job.ts';
import { commandWithSettings, prepareRun, type Run, wholeNumber } from '../command.ts';
import { withExistingDatabase } from '../main.ts';
import { formatBytes, formatTable, type Output } from '../output.ts';
import { findClient } from '../service/client.ts';
import { tellUnusedSettings } from '../service/unused-settings.ts';

const examples = ['tidemark exports --db calls.duckdb', 'tidemark exports --limit 5 --json'];

/** `tidemark exports`: the newest exports from every door, of the running service or of the database file. */
export function exportsCommand(): Command {
  return commandWithSettings('exports', 'list the newest exports, newest first', ['db', 'export_root'], examples)
    .option('--limit <exports>', 'how many to list at most', wholeNumber, 20)
    .action(async options => {
      const run = prepareRun(options);
      const { output } = run;
      const reports = await readReports(run, Math.min(Math.max(options.limit, 1), 1000));
      if (output.json) output.result(JSON.stringify(reports));
      else show(reports, output);
    });
}

async function readReports(run: Run, limit: number): Promise<readonly ExportReport[]> {
  const { config } = run;
  const client = await findClient(config.db);
  if (client !== null) tellUnusedSettings(run, client);
  if (client !== null) return client.ask<readonly ExportReport[]>({ path: `/exports?limit=${limit}` });
  return withExistingDatabase(config, async database => {
    const store = await DuckDbRequestStore.open(database, { now: Date.now });
    try {
      const records = await store.list(limit);
      return records.map(record => ({
        ...reportOf(recordedView(record), [resolve(config.export_root)]),
        manifest: null,
      }));
    } finally {
      await store.close();
    }
  });
}

function show(reports: readonly ExportReport[], output: Output): void {
  const rows = reports.map(report => [
    ...[report.request_id, report.state, report.client, report.accepted_at, report.request.file_prefix ?? ''],
    report.error?.code ?? (report.progress.phase === 'ended' ? '' : report.progress.phase),
    completenessCell(report),
    report.progress.rows,
    formatBytes(report.progress.bytes),
  ]);
  output.result(
    formatTable(['request', 'state', 'client', 'accepted', 'prefix', 'why', 'completeness', 'rows', 'bytes'], rows),
  );
}

function completenessCell({ completeness, changed_since: changedSince }: ExportReport): string {
  return changedSince === null ? (completeness ?? '') : `${completeness}, changed since ${changedSince.at}`;
}
