import type { DuckDBConnection } from '@duckdb/node-api';
import { quoteName, quoteText } from '../../../schemas/sql.ts';

/** More row groups of a table than this, with fewer rows each than this, cost more to keep than to merge. */
const many = 50;
const small = 10_000;

/**
 * Has the checkpoint that ends this process merge row groups where many are small, as short runs leave them: each keeps
 * blocks of its own. Those of a long run are of the size that fills the log between two checkpoints, and stay.
 */
export async function mergeSmallRowGroups(connection: DuckDBConnection): Promise<void> {
  const log = await connection.runAndReadAll('SELECT wal_size FROM pragma_database_size()');
  // Nothing was written since the last checkpoint: no other comes.
  if (log.value(0, 0) === '0 bytes') return;
  const tables = await connection.runAndReadAll(
    `SELECT table_name FROM duckdb_tables() WHERE NOT temporary AND estimated_size > ${many}`,
  );
  for (const [table] of tables.getRows()) {
    const reader = await connection.runAndReadAll(
      `SELECT count(DISTINCT row_group_id), (SELECT count(*) FROM ${quoteName(String(table))})
       FROM pragma_storage_info(${quoteText(String(table))})`,
    );
    const groups = Number(reader.value(0, 0));
    if (groups <= many || Number(reader.value(1, 0)) / groups >= small) continue;
    await connection.run('SET max_vacuum_tasks = 1');
    return;
  }
}
