import type { Database } from './database.ts';

/** Rows of the tables that events are folded into, as DuckDB keeps count of them: nothing is scanned. */
export async function readTableSizes(
  database: Database,
): Promise<readonly { readonly entity: string; readonly part: string; readonly rows: number }[]> {
  const connection = await database.connect();
  try {
    const reader = await connection.runAndReadAll(
      `SELECT table_name, estimated_size FROM duckdb_tables()
       WHERE regexp_matches(table_name, '^(services|states|tasks)_(open|closed|late)$') ORDER BY table_name`,
    );
    return reader.getRows().map(([name, rows]) => {
      const [entity = '', part = ''] = String(name).split('_');
      return { entity, part, rows: Number(rows) };
    });
  } finally {
    connection.closeSync();
  }
}
