import type { DuckDBConnection } from '@duckdb/node-api';
import type { Selection } from '../../pipeline/selection.ts';
import { entityTables } from '../../schemas/columns.ts';
import type { Entity } from '../../schemas/events.ts';
import { isPicked, selected } from '../../schemas/exports.ts';
import { addressedRows, type Changes } from '../../schemas/row-places.ts';
import { fillSql, readSql } from '../../schemas/sql.ts';
import type { Database } from './database.ts';

/** A transaction in which the services of an export are known: one view of all tables, until the connection is closed. */
export interface PickedServices {
  readonly connection: DuckDBConnection;
  readonly count: number;
}

/** Begins a transaction whose table `picked` holds the selected services in file order; whoever asks closes it. */
export async function pickServices(database: Database, selection: Selection): Promise<PickedServices> {
  const connection = await database.connect();
  try {
    await connection.run('BEGIN TRANSACTION');
    await connection.run('SET VARIABLE time_from = $1::BIGINT', [BigInt(selection.timeFrom)]);
    await connection.run('SET VARIABLE time_to = $1::BIGINT', [BigInt(selection.timeTo)]);
    const rows = await readableRows(connection, 'service');
    await connection.run(fillSql(readSql('exports/place_services.sql'), { rows, selected: selected(selection) }));
    return { connection, count: await readNumber(connection, 'SELECT count(*) FROM picked') };
  } catch (error) {
    connection.closeSync();
    throw error;
  }
}

/** Finds where the rows of the picked services lie: fills the table `<table>_placed`, and gives the number of its rows. */
export async function placeRows({ connection, count }: PickedServices, entity: Entity): Promise<number> {
  if (entity === 'service' || count === 0) return count;
  const { table } = entityTables[entity];
  const rows = await readableRows(connection, entity);
  await connection.run(fillSql(readSql('exports/place_rows.sql'), { table, rows, is_picked: isPicked }));
  return readNumber(connection, `SELECT count(*) FROM ${table}_placed`);
}

/** How many picked services have events from more than one partition. */
export function countSplit({ connection }: PickedServices): Promise<number> {
  return readNumber(connection, fillSql(readSql('exports/split.sql'), { is_picked: isPicked }));
}

/** The first value of the first row, as a number. */
export async function readNumber(connection: DuckDBConnection, sql: string): Promise<number> {
  const reader = await connection.runAndReadAll(sql);
  return Number(reader.value(0, 0));
}

/** The query that gives an entity's rows; what is merged for it first, is merged once. */
async function readableRows(connection: DuckDBConnection, entity: Entity): Promise<string> {
  const { table } = entityTables[entity];
  const changes: Changes = {
    late: await holdsRows(connection, `${table}_late`),
    deletions: await holdsRows(connection, 'deletions'),
  };
  if (changes.late) await connection.run(fillSql(readSql('exports/changed.sql'), { table }));
  return addressedRows(entity, changes);
}

async function holdsRows(connection: DuckDBConnection, table: string): Promise<boolean> {
  return (await readNumber(connection, `SELECT count(*) FROM (FROM ${table} LIMIT 1)`)) > 0;
}
