import type { DuckDBConnection } from '@duckdb/node-api';

/**
 * Runs one statement and returns the first value of its first row as a number. For `CREATE TABLE … AS`, `INSERT` and
 * `COPY` that is the number of rows.
 */
export async function readNumber(connection: DuckDBConnection, sql: string): Promise<number> {
  const reader = await connection.runAndReadAll(sql);
  return Number(reader.value(0, 0));
}
