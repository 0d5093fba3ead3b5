import type { DuckDBConnection } from '@duckdb/node-api';
import type { Selection } from '../../pipeline/selection.ts';
import { entityTables } from '../../schemas/columns.ts';
import type { Entity } from '../../schemas/events.ts';
import { isPicked, selected } from '../../schemas/exports.ts';
import { addressedRows } from '../../schemas/row-places.ts';
import { fillSql, readSql } from '../../schemas/sql.ts';
import type { Database } from './database.ts';

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
    await connection.run(`BEGIN TRANSACTION; ${setWindow(selection)}`);
    const rows = await readableRows(connection, 'service', 'FROM services_late');
    const place = fillSql(readSql('exports/place_services.sql'), { rows, selected: selected(selection) });
    const service = await readNumber(connection, place);
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

/** Finds the states or tasks of the picked services, and tells how many there are. */
async function placeBelonging(connection: DuckDBConnection, entity: 'state' | 'task'): Promise<number> {
  const { table } = entityTables[entity];
  const late = `FROM ${table}_late l SEMI JOIN picked p ON p.service_key = l.service_key`;
  const rows = await readableRows(connection, entity, late);
  await connection.run(fillSql(readSql('exports/place_rows.sql'), { table, rows, is_picked: isPicked }));
  return readNumber(connection, `SELECT count(*) FROM ${table}_placed`);
}

/** The query that gives an entity's rows. Where late fragments matter to the export, they are merged first, and once. */
async function readableRows(connection: DuckDBConnection, entity: Entity, late: string): Promise<string> {
  const hasLate = (await readNumber(connection, `SELECT count(*) FROM (${late} LIMIT 1)`)) > 0;
  if (hasLate) await connection.run(fillSql(readSql('exports/changed.sql'), { table: entityTables[entity].table }));
  return addressedRows(entity, hasLate);
}
