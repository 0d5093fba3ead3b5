import { Database } from '../../connectors/duckdb/file/database.ts';

const ORDERS = { services: 'service_id', states: 'service_id, state_id', tasks: 'service_id, task_id' } as const;

/** All that a reader can see of a database, in an order that does not depend on how it came there. */
export interface TableContent {
  readonly services: readonly string[];
  readonly states: readonly string[];
  readonly tasks: readonly string[];
  readonly partitions: readonly {
    readonly topic: unknown;
    readonly nextOffset: number;
    readonly recordsRead: number;
    readonly applied: number;
    readonly quarantined: number;
  }[];
  readonly quarantinedRows: number;
}

/** Opens a database that no one owns, and reads it whole. */
export async function readTables(db: string): Promise<TableContent> {
  return queryDatabase(db, async query => {
    const rowsOf = async (view: keyof typeof ORDERS) => {
      const rows = await query(`SELECT * FROM ${view} ORDER BY ${ORDERS[view]}`);
      return rows.map(row => JSON.stringify(row));
    };
    const partitions = await query(
      'SELECT topic, next_offset, records_read, applied, quarantined FROM partitions ORDER BY topic, partition',
    );
    return {
      services: await rowsOf('services'),
      states: await rowsOf('states'),
      tasks: await rowsOf('tasks'),
      partitions: partitions.map(([topic, ...counts]) => {
        const [nextOffset = 0, recordsRead = 0, applied = 0, quarantined = 0] = counts.map(Number);
        return { topic, nextOffset, recordsRead, applied, quarantined };
      }),
      quarantinedRows: Number((await query('SELECT count(*) FROM quarantine'))[0]?.[0]),
    };
  });
}

/** Asks a database that no one owns, with memory for a query that sorts all of its rows. */
export async function queryDatabase<T>(
  db: string,
  use: (query: (sql: string) => Promise<readonly (readonly unknown[])[]>) => Promise<T>,
): Promise<T> {
  const database = await Database.open({ path: db, memoryLimit: '2GB', threads: 2 });
  const connection = await database.connect();
  try {
    return await use(async sql => (await connection.runAndReadAll(sql)).getRowsJson());
  } finally {
    connection.closeSync();
    await database.close();
  }
}
