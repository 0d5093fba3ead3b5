import { type Overview, readOverview, type TableOverview } from '../../connectors/duckdb/overview.ts';
import { latenessOf, withExistingDatabase } from '../main.ts';
import type { Config } from '../settings/settings.ts';
import { findClient } from './client.ts';
import { type ControlStatus, controlStatus } from './control-status.ts';
import { type PartitionStatus, partitionStatuses } from './partition-status.ts';

/** What a database holds and where reading stands: the answer of `/status` and of `tidemark status --json`. */
export interface Status {
  readonly tables: readonly TableOverview[];
  readonly partitions: readonly PartitionStatus[];
  readonly quarantined: Overview['quarantined'];
  readonly exports: Overview['exports'];
  readonly control: ControlStatus;
  readonly database_bytes: number;
  /** This member and the next three are set for a running service only. */
  readonly version?: string;
  readonly started_at?: string;
  /** Null while the source is not connected. */
  readonly source?: string | null;
  readonly not_ready?: readonly string[];
  /** How many listed partitions this process does not read. */
  readonly unread_partitions?: number;
}

/** Asks the service that owns the database, or else looks into the file. Throws `SOURCE_MISSING` when there is neither. */
export async function readStatus(config: Config): Promise<Status> {
  const client = await findClient(config.db);
  if (client !== null) return client.ask<Status>({ path: '/status' });
  return withExistingDatabase(config, async database => {
    const overview = await readOverview(database);
    const context = { batches: null, lateness: latenessOf(config), now: Date.now() };
    const partitions = partitionStatuses(overview.sources, context);
    return storedStatus(overview, { partitions, control: controlStatus(overview.control, []) });
  });
}

/** The status without the members of a running service, from the database and the given partitions and control topic. */
export function storedStatus(
  { tables, quarantined, exports, databaseBytes }: Overview,
  known: Pick<Status, 'partitions' | 'control'>,
): Status {
  return { tables, ...known, quarantined, exports, database_bytes: databaseBytes };
}
