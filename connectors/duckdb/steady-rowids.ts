import type { DuckDBConnection } from '@duckdb/node-api';
import type { Database } from './database.ts';

/**
 * First statement of a transaction that writes and finds rows by what it read before as their rowid. A checkpoint that is
 * running when a transaction begins numbers rows anew behind it, where row groups in front of them were dropped (DuckDB
 * 1.5.5). Whoever may change a table waits for such a checkpoint, and no other one begins until the transaction ends.
 */
export const waitForCheckpoint = 'DELETE FROM layout WHERE false;';

/**
 * Begins a transaction that reads, in which rowids stay what they are. A checkpoint beside it, begun later, drops and
 * numbers nothing; that none is running as it begins is seen to by another connection, for that moment.
 */
export async function beginReading(database: Database, connection: DuckDBConnection): Promise<void> {
  const keeper = await database.connect();
  try {
    await keeper.run(`BEGIN TRANSACTION; ${waitForCheckpoint}`);
    // A transaction begins with its first look at a table.
    await connection.run('BEGIN TRANSACTION; FROM layout;');
  } finally {
    keeper.closeSync();
  }
}
