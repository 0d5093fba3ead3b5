import { statSync } from 'node:fs';
import { entityTables } from '../../schemas/columns.ts';
import { entities } from '../../schemas/events.ts';
import type { Database } from './database.ts';
import { type KnownPartition, readPartitions } from './partitions.ts';

export interface TableOverview {
  readonly table: string;
  readonly rows: number;
  readonly active: number;
  /** Fragments that wait to be folded into closed rows. */
  readonly late: number;
}

export interface Overview {
  readonly tables: readonly TableOverview[];
  readonly partitions: readonly KnownPartition[];
  readonly quarantined: readonly { readonly reason: string; readonly records: number }[];
  readonly exports: readonly { readonly state: string; readonly requests: number }[];
  readonly databaseBytes: number;
}

/** What the database holds, counted. */
export async function readOverview(database: Database): Promise<Overview> {
  const connection = await database.connect();
  const rowsOf = async (sql: string) => (await connection.runAndReadAll(sql)).getRows();
  try {
    const tables: TableOverview[] = [];
    for (const { table } of entities.map(entity => entityTables[entity])) {
      const [counts] = await rowsOf(
        `SELECT count(*), count(*) FILTER (end_timestamp IS NULL), (SELECT count(*) FROM ${table}_late) FROM ${table}_rows`,
      );
      tables.push({ table, rows: Number(counts?.[0]), active: Number(counts?.[1]), late: Number(counts?.[2]) });
    }
    const reasons = await rowsOf('SELECT reason, count(*) FROM quarantine GROUP BY reason ORDER BY reason');
    const states = await rowsOf('SELECT state, count(*) FROM exports GROUP BY state ORDER BY state');
    return {
      tables,
      partitions: await readPartitions(connection),
      quarantined: reasons.map(([reason, records]) => ({ reason: String(reason), records: Number(records) })),
      exports: states.map(([state, requests]) => ({ state: String(state), requests: Number(requests) })),
      databaseBytes: statSync(database.path).size,
    };
  } finally {
    connection.closeSync();
  }
}
