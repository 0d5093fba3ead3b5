import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diskFailure } from '../../connectors/disk.ts';
import { Database } from '../../connectors/duckdb/file/database.ts';
import { DuckDbSnapshots } from '../../connectors/duckdb/snapshot.ts';
import { quarantinedOf } from '../../connectors/duckdb/store/quarantine.ts';
import { DuckDbWarehouse } from '../../connectors/duckdb/warehouse.ts';
import type { WorkDatabase } from '../../pipeline/verify/by-log.ts';
import { latenessOf } from '../main.ts';
import type { Config } from '../settings/settings.ts';

/** Whatever an export of the past was allowed, its columns are compared. */
const anyNumberOfColumns = Number.MAX_SAFE_INTEGER;

/** Makes an empty database in a folder of its own below the system's temporary folder; closing it removes the folder. */
export async function openWorkDatabase(config: Config): Promise<WorkDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-verify-')).catch(error => {
    throw diskFailure(error, `make a folder in ${tmpdir()} (TMPDIR) for the rows that are made again`, 'NOT_WRITABLE');
  });
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, 'work.duckdb');
    const database = await Database.open({ path, memoryLimit: config.memory_limit, threads: config.threads });
    const warehouse = await DuckDbWarehouse.open(database, { clock: { now: Date.now }, lateness: latenessOf(config) });
    const snapshots = new DuckDbSnapshots(database, { maxExtensionColumns: anyNumberOfColumns });
    return {
      warehouse,
      snapshot: (selection, layout) => snapshots.snapshot(selection, layout),
      quarantined: partition => quarantinedOf(database, partition),
      async close() {
        await warehouse.close();
        await database.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
