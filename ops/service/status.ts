import { type Overview, readOverview } from '../../connectors/duckdb/overview.ts';
import { withExistingDatabase } from '../main.ts';
import type { Config } from '../settings.ts';
import { findClient } from './client.ts';
import { type ControlStatus, controlStatus } from './control-status.ts';
import { type PartitionStatus, partitionStatuses } from './partition-status.ts';

/** What `tidemark status` shows: of a running service, or of a database that no process owns. */
export interface Status extends Omit<Overview, 'partitions' | 'control'> {
  readonly partitions: readonly PartitionStatus[];
  readonly control: ControlStatus;
  /** Only of a running service. */
  readonly source?: string | null;
  readonly not_ready?: readonly string[];
}

/** Asks the service that owns the database, or else looks into the file. Throws `SOURCE_MISSING` when there is neither. */
export async function readStatus(config: Config): Promise<Status> {
  const client = await findClient(config.db);
  if (client !== null) return client.ask<Status>({ path: '/status' });
  return withExistingDatabase(config, async database => {
    const overview = await readOverview(database);
    const known = overview.partitions;
    const partitions = partitionStatuses({ known, ends: [], recordTimes: new Map(), now: Date.now() });
    return { ...overview, partitions, control: controlStatus(overview.control, []) };
  });
}
