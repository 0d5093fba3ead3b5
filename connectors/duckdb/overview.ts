import { statSync } from 'node:fs';
import type { Sources } from '../../pipeline/completeness/sources.ts';
import type { StoredPosition } from '../../pipeline/ports.ts';
import { entityTables } from '../../schemas/columns.ts';
import { entities } from '../../schemas/events/events.ts';
import type { Database } from './file/database.ts';
import { readControlPositions } from './requests/control-positions.ts';
import { readSources } from './store/source-rows.ts';

export interface TableOverview {
  readonly table: string;
  readonly rows: number;
  readonly active: number;
  /** Late fragments: changes to rows that are not open, not yet merged with their rows. */
  readonly late: number;
}

export interface Overview {
  readonly tables: readonly TableOverview[];
  readonly sources: Sources;
  readonly quarantined: readonly { readonly reason: string; readonly records: number }[];
  readonly exports: readonly { readonly state: string; readonly requests: number }[];
  readonly control: ControlOverview;
  readonly databaseBytes: number;
}

/** The positions of the control topic, and how many statuses wait to be sent. */
export interface ControlOverview {
  readonly positions: readonly Pick<StoredPosition, 'partition' | 'nextOffset'>[];
  readonly statusesWaiting: number;
}

/** The size of the database file and of its write-ahead log. */
export function databaseBytes({ path }: Database): number {
  return [path, `${path}.wal`].reduce(
    (bytes, file) => bytes + (statSync(file, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

/** Counts what the database holds. Scans the tables of services, states and tasks. */
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
    const [waiting] = await rowsOf('SELECT count(*) FROM outbox');
    return {
      tables,
      sources: (await readSources(connection)).sources,
      quarantined: reasons.map(([reason, records]) => ({ reason: String(reason), records: Number(records) })),
      exports: states.map(([state, requests]) => ({ state: String(state), requests: Number(requests) })),
      control: { positions: await readControlPositions(connection), statusesWaiting: Number(waiting?.[0]) },
      databaseBytes: databaseBytes(database),
    };
  } finally {
    connection.closeSync();
  }
}

interface TableSize {
  readonly entity: string;
  /** `open`, `closed` or `late`. */
  readonly part: string;
  readonly rows: number;
}

/** The numbers of rows in the tables of services, states and tasks, from DuckDB's catalog: no table is scanned. */
export async function readTableSizes(database: Database): Promise<readonly TableSize[]> {
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
