import type { DuckDBConnection } from '@duckdb/node-api';
import type { Selection } from '../../../pipeline/export/selection.ts';
import { entityTables } from '../../../schemas/columns.ts';
import type { Entity } from '../../../schemas/events/events.ts';
import { isPicked, selected } from '../../../schemas/exports/exports.ts';
import { addressedRows } from '../../../schemas/exports/row-addresses.ts';
import { fillSql, readSql } from '../../../schemas/sql.ts';
import type { Database } from '../file/database.ts';
import { beginWithSteadyRowids } from '../file/steady-rowids.ts';

/**
 * A transaction in which is known where the rows of an export lie: one view of all tables, until the connection is
 * closed. Its tables `<table>_placed` have an address a row, and no more; `picked` has the services in file order.
 */
export interface PlacedRows {
  readonly connection: DuckDBConnection;
  readonly counts: Readonly<Record<Entity, number>>;
}

/** Begins the transaction and finds the rows; whoever asks closes the connection. */
export async function placeRows(database: Database, selection: Selection): Promise<PlacedRows> {
  const connection = await database.connect();
  try {
    await connection.run(`${beginWithSteadyRowids} ${setWindow(selection)}`);
    const service = await placeServices(connection, selection);
    if (service === 0) return { connection, counts: { service, state: 0, task: 0 } };
    await connection.run('CREATE OR REPLACE TEMP VIEW services_placed AS SELECT rank, address, is_split FROM picked');
    const state = await placeBelonging(connection, 'state');
    const task = await placeBelonging(connection, 'task');
    return { connection, counts: { service, state, task } };
  } catch (error) {
    connection.closeSync();
    throw error;
  }
}

/** Tells the queries of a connection their window; the numbers are ours, and a statement with parameters takes twice as long. */
export function setWindow({ timeFrom, timeTo }: Selection): string {
  return `SET VARIABLE time_from = ${BigInt(timeFrom)}::BIGINT; SET VARIABLE time_to = ${BigInt(timeTo)}::BIGINT;`;
}

/** How many picked services have events from more than one partition. */
export async function countSplit({ connection, counts }: PlacedRows): Promise<number> {
  return counts.service === 0 ? 0 : readNumber(connection, readSql('exports/split.sql'));
}

/** The first value of the first row, as a number: of a statement that makes a table, how many rows it has. */
export async function readNumber(connection: DuckDBConnection, sql: string): Promise<number> {
  const reader = await connection.runAndReadAll(sql);
  return Number(reader.value(0, 0));
}

/** Finds the services, and tells how many there are. Planning is most of what it costs: what is empty is not joined. */
async function placeServices(connection: DuckDBConnection, selection: Selection): Promise<number> {
  const reader = await connection.runAndReadAll(
    `SELECT count(*) FILTER (late), count(*) FILTER (NOT late)
     FROM ((SELECT true AS late FROM services_late LIMIT 1) UNION ALL (SELECT false AS late FROM deletions LIMIT 1))`,
  );
  const [late, deletions] = reader.getRows()[0]!.map(count => Number(count) > 0);
  const rows = await readableRows(connection, 'service', late!);
  const places = { rows, selected: selected(selection), ...(deletions! ? someDeleted : noneDeleted) };
  return readNumber(connection, fillSql(readSql('exports/place_services.sql'), places));
}

const noneDeleted = { deleted_in: 'NULL::BIGINT', deletions: '', is_alive: 'true' };
const someDeleted = {
  deleted_in: 'd.batch',
  deletions: `LEFT JOIN (SELECT service_key, hash(service_id) AS service_hash, max(batch) AS batch FROM deletions GROUP BY ALL) d
    ON d.service_key = x.service_key AND d.service_hash = hash(x.service_id)`,
  is_alive: 'coalesce(x.batch >= d.batch, true)',
};

/** Finds the states or tasks of the picked services, and tells how many there are. */
async function placeBelonging(connection: DuckDBConnection, entity: 'state' | 'task'): Promise<number> {
  const { table } = entityTables[entity];
  const late = `FROM ${table}_late l SEMI JOIN picked p ON p.service_key = l.service_key`;
  const hasLate = (await readNumber(connection, `SELECT count(*) FROM (${late} LIMIT 1)`)) > 0;
  const rows = await readableRows(connection, entity, hasLate);
  await connection.run(fillSql(readSql('exports/place_rows.sql'), { table, rows, is_picked: isPicked }));
  return readNumber(connection, `SELECT count(*) FROM ${table}_placed`);
}

/** The query that gives an entity's rows. Where late fragments matter to the export, they are merged first, and once. */
async function readableRows(connection: DuckDBConnection, entity: Entity, hasLate: boolean): Promise<string> {
  if (hasLate) await connection.run(fillSql(readSql('exports/changed.sql'), { table: entityTables[entity].table }));
  return addressedRows(entity, hasLate);
}
