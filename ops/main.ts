import { existsSync } from 'node:fs';
import { Database } from '../connectors/duckdb/file/database.ts';
import { databaseFailure } from '../connectors/duckdb/file/failure.ts';
import { DuckDbRequestStore } from '../connectors/duckdb/request-store.ts';
import { DuckDbSnapshots } from '../connectors/duckdb/snapshot.ts';
import { DuckDbWarehouse } from '../connectors/duckdb/warehouse.ts';
import {
  type LocalExportDirectory,
  openExportDirectory,
} from '../connectors/export-directory/local-export-directory.ts';
import type { Lateness } from '../pipeline/completeness/sources.ts';
import { TidemarkError } from '../pipeline/errors.ts';
import type { Exporting } from '../pipeline/export/export.ts';
import { withoutLog } from '../pipeline/export/log-wait.ts';
import type { Acceptance } from '../pipeline/requests/accept.ts';
import { ReplayDatabases } from '../pipeline/requests/replay-databases.ts';
import { LocalReplayFolder } from './replay/replay-folder.ts';
import type { Config } from './settings/settings.ts';
import { readPackage } from './software.ts';

/**
 * Opens the parts of Tidemark. Each function opens one part, calls `use` with it, and closes it afterwards, also after an
 * error; nested calls close in the reverse order.
 */

export async function withDatabase<T>(config: Config, use: (database: Database) => Promise<T>): Promise<T> {
  const database = await Database.open({ path: config.db, memoryLimit: config.memory_limit, threads: config.threads });
  try {
    return await use(database);
  } catch (error) {
    // Damage may be found by any statement.
    throw databaseFailure(error, `read the database ${database.path}`) ?? error;
  } finally {
    await database.close();
  }
}

/** Like `withDatabase`, for commands that only read: throws `SOURCE_MISSING` instead of creating a missing file. */
export function withExistingDatabase<T>(config: Config, use: (database: Database) => Promise<T>): Promise<T> {
  if (existsSync(config.db)) return withDatabase(config, use);
  throw new TidemarkError(
    'SOURCE_MISSING',
    `there is no database at ${config.db}; make one with: tidemark ingest <path> --db ${config.db}`,
  );
}

export async function withWarehouse<T>(
  config: Config,
  database: Database,
  use: (warehouse: DuckDbWarehouse) => Promise<T>,
): Promise<T> {
  const warehouse = await DuckDbWarehouse.open(database, { clock: { now: Date.now }, lateness: latenessOf(config) });
  try {
    return await use(warehouse);
  } finally {
    await warehouse.close();
  }
}

export function latenessOf(config: Pick<Config, 'allowed_lateness_ms' | 'clock_lateness_ms'>): Lateness {
  return { allowedMs: config.allowed_lateness_ms, clockMs: config.clock_lateness_ms };
}

/** For a process that stores no batches, so that nothing can contradict its exports while they are written. */
const noContradictions = { watch: () => undefined, unwatch: () => undefined };

/** The parts of exports. The store also holds the outbox of statuses and the positions of the control topic. */
export type ExportParts = Acceptance &
  Exporting & {
    readonly store: DuckDbRequestStore;
    readonly directory: LocalExportDirectory;
    readonly snapshots: DuckDbSnapshots;
    readonly replays: ReplayDatabases;
  };

/** The databases of the replays that a store knows. */
export function replaysOf(config: Config, store: DuckDbRequestStore): ReplayDatabases {
  const keepMs = config.replay_keep_hours * 3_600_000;
  const parts = { store: store.replays, exports: store, folder: new LocalReplayFolder(config), keepMs };
  return new ReplayDatabases({ ...parts, clock: { now: Date.now } });
}

export async function withExports<T>(
  config: Config,
  running: {
    readonly database: Database;
    readonly signal: AbortSignal;
    /** Absent where this process stores no batches. */
    readonly contradictions?: Exporting['contradictions'];
  },
  use: (parts: ExportParts) => Promise<T>,
): Promise<T> {
  const directory = await openExportDirectory({
    root: config.export_root,
    prefixMap: config.prefix_map,
    create: true,
    owner: await running.database.id(),
  });
  const store = await DuckDbRequestStore.open(running.database, {
    now: Date.now,
    statuses: config.status_topic !== null,
    roots: directory.roots,
    service: config.service_name ?? config.kafka_group,
  });
  const { name, version } = readPackage();
  const clock = { now: Date.now };
  try {
    return await use({
      store,
      directory,
      clock,
      replays: replaysOf(config, store),
      ...withoutLog,
      contradictions: running.contradictions ?? noContradictions,
      snapshots: new DuckDbSnapshots(running.database, { maxExtensionColumns: config.max_extension_columns }),
      lateness: latenessOf(config),
      skewMs: config.skew_ms,
      software: `${name} ${version}`,
      signal: running.signal,
    });
  } finally {
    await store.close();
  }
}
