import type { DuckDBConnection } from '@duckdb/node-api';
import type { Selection } from '../../../pipeline/export/selection.ts';
import { entityTables } from '../../../schemas/columns.ts';
import { type Entity, entities } from '../../../schemas/events/events.ts';
import { addressedRows } from '../../../schemas/exports/row-addresses.ts';
import { selectedServiceJoin, windowCondition } from '../../../schemas/exports/selected-services.ts';
import { readSql } from '../../../schemas/tables/sql.ts';
import type { Database } from '../file/database.ts';
import { readNumber } from '../file/read-number.ts';
import { beginWithSteadyRowids } from '../file/steady-rowids.ts';
import { ApartExtensions } from './apart-extensions.ts';

/**
 * An open transaction, and temporary tables with what it exports: `selected_services` holds the services in file order,
 * and `<table>_addresses` the addresses of the rows of each file. All files are read in this transaction, so they show
 * one state of the tables.
 */
export interface LocatedRows {
  readonly connection: DuckDBConnection;
  /** The number of rows to export. */
  readonly counts: Readonly<Record<Entity, number>>;
  readonly apart: ApartExtensions;
}

/** Begins a transaction and finds the rows to export. The caller closes the connection. */
export async function locateRows(database: Database, selection: Selection): Promise<LocatedRows> {
  const connection = await database.connect();
  const apart = new ApartExtensions(connection);
  try {
    await connection.run(`${beginWithSteadyRowids} ${setWindow(selection)}`);
    const service = await locateServices(connection, selection, apart);
    if (service === 0) return { connection, apart, counts: { service, state: 0, task: 0 } };
    await connection.run(
      'CREATE OR REPLACE TEMP VIEW services_addresses AS SELECT rank, address, bytes, is_split FROM selected_services',
    );
    const state = await locateParts(connection, 'state', apart);
    const task = await locateParts(connection, 'task', apart);
    return { connection, apart, counts: { service, state, task } };
  } catch (error) {
    connection.closeSync();
    throw error;
  }
}

/** SQL that sets the window of `windowCondition`. The numbers are in the text, as parameters take twice as long. */
export function setWindow({ timeFrom, timeTo }: Selection): string {
  return `SET VARIABLE time_from = ${BigInt(timeFrom)}::BIGINT; SET VARIABLE time_to = ${BigInt(timeTo)}::BIGINT;`;
}

/** The ids of all services that have events from more than one log, whether they still exist or not. */
export async function readSplitServices(connection: DuckDBConnection): Promise<ReadonlySet<string>> {
  const parts = entities.flatMap(entity =>
    ['open', 'closed', 'late'].map(part => `${entityTables[entity].table}_${part}`),
  );
  const rows = [...parts, 'deleted_logs']
    .map(table => `SELECT service_id, log, split FROM ${table}`)
    .join(' UNION ALL ');
  const reader = await connection.runAndReadAll(
    `SELECT service_id FROM (${rows}) GROUP BY service_id HAVING bool_or(split) OR count(DISTINCT log) > 1`,
  );
  return new Set(reader.getRows().map(([id]) => String(id)));
}

/**
 * How many selected services have events from more than one log (contract 2.9). Events before a deletion count: those of
 * dead rows, too, which stay in the closed tables until they are settled.
 */
export async function countSplitServices({ connection, counts }: LocatedRows): Promise<number> {
  if (counts.service === 0) return 0;
  const deletions = await readNumber(connection, 'SELECT count(*) FROM (FROM deletions LIMIT 1)');
  const deadRows = entities.map(
    entity => `UNION ALL SELECT c.service_key, c.service_id, c.log, c.split FROM ${entityTables[entity].table}_closed c
      JOIN deletions d ON d.service_key = c.service_key AND d.service_id = c.service_id WHERE d.batch > c.batch`,
  );
  const values = { join_condition: selectedServiceJoin, dead_rows: deletions === 0 ? '' : deadRows.join('\n') };
  return readNumber(connection, readSql('exports/count_split_services.sql', values));
}

/** How many selected services have no start. */
export async function countWithoutStart({ connection, counts }: LocatedRows): Promise<number> {
  if (counts.service === 0) return 0;
  return readNumber(connection, 'SELECT count(*) FROM selected_services WHERE has_no_start');
}

/**
 * Creates `selected_services` and returns its number of rows. Late fragments and deletions are joined only when there
 * are any, because DuckDB takes longer to plan these joins than to run them.
 */
async function locateServices(
  connection: DuckDBConnection,
  selection: Selection,
  apart: ApartExtensions,
): Promise<number> {
  const reader = await connection.runAndReadAll(
    `SELECT count(*) FILTER (late), count(*) FILTER (NOT late)
     FROM ((SELECT true AS late FROM services_late LIMIT 1) UNION ALL (SELECT false AS late FROM deletions LIMIT 1))`,
  );
  const [hasLate, hasDeletions] = reader.getRows()[0]!.map(count => Number(count) > 0);
  const rows = await prepareRows(connection, 'service', hasLate!);
  const values = { rows, condition: windowCondition(selection), ...(hasDeletions! ? withDeletions : withoutDeletions) };
  const count = await readNumber(connection, readSql('exports/locate_services.sql', values));
  if (count > 0) await apart.find('service', rows, hasLate!);
  return count;
}

const withoutDeletions = { deleted_in: 'NULL::BIGINT', deletions: '', is_alive: 'true' };
const withDeletions = {
  deleted_in: 'd.batch',
  deletions: `LEFT JOIN (SELECT service_key, hash(service_id) AS service_hash, max(batch) AS batch FROM deletions GROUP BY ALL) d
    ON d.service_key = x.service_key AND d.service_hash = hash(x.service_id)`,
  is_alive: 'coalesce(x.batch >= d.batch, true)',
};

/** Finds the states or tasks of the selected services, and returns how many there are. */
async function locateParts(
  connection: DuckDBConnection,
  entity: 'state' | 'task',
  apart: ApartExtensions,
): Promise<number> {
  const { table } = entityTables[entity];
  const late = `FROM ${table}_late l SEMI JOIN selected_services s ON s.service_key = l.service_key`;
  const hasLate = (await readNumber(connection, `SELECT count(*) FROM (${late} LIMIT 1)`)) > 0;
  const rows = await prepareRows(connection, entity, hasLate);
  await connection.run(readSql('exports/locate_rows.sql', { table, rows, join_condition: selectedServiceJoin }));
  await apart.find(entity, rows, hasLate);
  return readNumber(connection, `SELECT count(*) FROM ${table}_addresses`);
}

/** Returns the query of an entity's rows with addresses. Merges late fragments first, once, when there are any. */
async function prepareRows(connection: DuckDBConnection, entity: Entity, hasLate: boolean): Promise<string> {
  if (hasLate) await connection.run(readSql('exports/merge_late.sql', { table: entityTables[entity].table }));
  return addressedRows(entity, hasLate);
}
