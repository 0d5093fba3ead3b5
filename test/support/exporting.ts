import path from 'node:path';
import { onTestFinished } from 'vitest';
import { Database } from '../../connectors/duckdb/file/database.ts';
import { DuckDbRequestStore } from '../../connectors/duckdb/request-store.ts';
import { DuckDbSnapshots } from '../../connectors/duckdb/snapshot.ts';
import { openExportDirectory } from '../../connectors/export-directory/local-export-directory.ts';
import type { Exporting } from '../../pipeline/export/export.ts';
import { withoutLog } from '../../pipeline/export/log-wait.ts';
import type { Acceptance } from '../../pipeline/requests/accept.ts';
import { noReplays } from './no-replays.ts';

export interface ExportPlace {
  readonly db: string;
  readonly root: string;
  readonly memoryLimit?: string;
}

export type ExportParts = Acceptance & Exporting;

/** All that accepting and running exports needs, real, on one database; closed with the test that opened it. */
export async function openExporting({ db, root, memoryLimit = '256MB' }: ExportPlace) {
  const database = await Database.open({ path: db, memoryLimit, threads: 2 });
  const store = await DuckDbRequestStore.open(database, { now: Date.now });
  onTestFinished(async () => {
    await store.close();
    await database.close();
  });
  const parts: ExportParts = {
    store,
    directory: await openExportDirectory({ root: path.resolve(root), create: true, owner: await database.id() }),
    clock: { now: Date.now },
    snapshots: new DuckDbSnapshots(database, { maxExtensionColumns: 1000 }),
    ...withoutLog,
    replays: noReplays,
    contradictions: { watch: () => undefined, unwatch: () => undefined },
    lateness: { allowedMs: 0, clockMs: 0 },
    skewMs: 0,
    software: 'test',
    signal: new AbortController().signal,
  };
  return { database, parts };
}

/** What the database says of its export requests, by id. */
export async function requestStates(database: Database): Promise<Readonly<Record<string, string>>> {
  const connection = await database.connect();
  try {
    const reader = await connection.runAndReadAll('SELECT request_id, state FROM exports');
    return Object.fromEntries(reader.getRows().map(([id, state]) => [String(id), String(state)]));
  } finally {
    connection.closeSync();
  }
}
