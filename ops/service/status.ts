import { type Overview, readOverview } from '../../connectors/duckdb/overview.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { withExistingDatabase } from '../main.ts';
import type { Config } from '../settings.ts';
import { type PartitionStatus, partitionStatuses } from './partition-status.ts';
import { findServer } from './server-file.ts';

/** What `tidemark status` shows: of a running service, or of a database that no process owns. */
export interface Status extends Omit<Overview, 'partitions'> {
  readonly partitions: readonly PartitionStatus[];
  /** Only of a running service. */
  readonly source?: string | null;
  readonly not_ready?: readonly string[];
}

/** Asks the service that owns the database, or else looks into the file. Throws `SOURCE_MISSING` when there is neither. */
export async function readStatus(config: Config): Promise<Status> {
  const served = await askServer<Status>(config.db, '/status');
  if (served !== null) return served;
  return withExistingDatabase(config, async database => {
    const overview = await readOverview(database);
    const known = overview.partitions;
    return { ...overview, partitions: partitionStatuses({ known, ends: [], recordTimes: new Map(), now: Date.now() }) };
  });
}

/** What a route of the running service answers; null when none runs. */
async function askServer<T>(db: string, route: string): Promise<T | null> {
  const server = await findServer(db);
  if (server === null) return null;
  let response: Response;
  try {
    response = await fetch(new URL(route, server.url), { signal: AbortSignal.timeout(30_000) });
  } catch (cause) {
    // It died without taking its note away, and its lock is gone with it: the file itself can be opened.
    if (cause instanceof TypeError) return null;
    throw new TidemarkError(
      'SOURCE_UNREACHABLE',
      `the service at ${server.url} (process ${server.pid}) does not answer`,
      {
        cause,
      },
    );
  }
  if (!response.ok) throw new TidemarkError('SOURCE_UNREACHABLE', `${server.url}${route} answered ${response.status}`);
  return (await response.json()) as T;
}
