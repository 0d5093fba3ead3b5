import type { DuckDBConnection } from '@duckdb/node-api';
import { quoteName, quoteText } from '../../../schemas/tables/sql.ts';

/** Row groups are merged in a table that has more of them than this. */
const maxRowGroups = 50;
/** Only when they have fewer rows than this on average: merging larger ones costs more than it saves. */
const smallRowGroupRows = 10_000;

/**
 * Lets the checkpoint at the end of this process merge row groups when a table has many small ones (ADR 14). Each short
 * run leaves one, and each row group takes blocks of its own. The larger row groups of a long run stay as they are.
 */
export async function mergeSmallRowGroups(connection: DuckDBConnection): Promise<void> {
  const log = await connection.runAndReadAll('SELECT wal_size FROM pragma_database_size()');
  // Nothing was written since the last checkpoint, so no other checkpoint follows.
  if (log.value(0, 0) === '0 bytes') return;
  const tables = await connection.runAndReadAll(
    `SELECT table_name FROM duckdb_tables() WHERE NOT temporary AND estimated_size > ${maxRowGroups}`,
  );
  for (const [table] of tables.getRows()) {
    const reader = await connection.runAndReadAll(
      `SELECT count(DISTINCT row_group_id), (SELECT count(*) FROM ${quoteName(String(table))})
       FROM pragma_storage_info(${quoteText(String(table))})`,
    );
    const groups = Number(reader.value(0, 0));
    if (groups <= maxRowGroups || Number(reader.value(1, 0)) / groups >= smallRowGroupRows) continue;
    await connection.run('SET max_vacuum_tasks = 1');
    return;
  }
}
