import type { DuckDBConnection } from '@duckdb/node-api';
import type { FileKind, Selection } from '../../pipeline/export/selection.ts';
import { entityTables } from '../../schemas/columns.ts';
import { csvColumns } from '../../schemas/exports/file-rows.ts';
import { windowCondition } from '../../schemas/exports/selected-services.ts';

/**
 * The core columns of an export, written the obvious way: one SELECT over the views for each file, sorted as a whole. A
 * reference that uses none of the slices, addresses or blocks of the real export.
 */
export const plainCopyOptions = `FORMAT csv, HEADER false, DELIMITER ',', QUOTE '"', ESCAPE '"', NULLSTR ''`;

const isPicked = 'p.service_key = x.service_key AND xor(p.service_hash, hash(x.service_id)) = 0';

/**
 * Begins a transaction and picks the services, in file order, into the temporary table `picked`, which the SELECTs
 * join.
 */
export async function pickPlainly(connection: DuckDBConnection, selection: Selection): Promise<void> {
  await connection.run('BEGIN TRANSACTION');
  await connection.run('SET VARIABLE time_from = $1::BIGINT', [BigInt(selection.timeFrom)]);
  await connection.run('SET VARIABLE time_to = $1::BIGINT', [BigInt(selection.timeTo)]);
  await connection.run(
    `CREATE TEMP TABLE picked AS
     SELECT x.service_key, hash(x.service_id) AS service_hash,
       row_number() OVER (ORDER BY x.start_timestamp NULLS LAST, x.service_id) AS rank
     FROM services_rows x
     WHERE ${windowCondition(selection)}`,
  );
}

/** The SELECT of one file, after `pickPlainly`. */
export function plainSelect(kind: FileKind, filters: Selection): string {
  const entity = ({ services: 'service', states: 'state', tasks: 'task' } as const)[kind];
  const { table, ids, values, id } = entityTables[entity];
  const columns = ['p.rank', ...[...ids, ...values].map(column => `x.${column}`)].join(', ');
  const where = entity === 'service' ? windowCondition(filters) : 'true';
  const keys = entity === 'service' ? ['p.rank'] : ['p.rank', 'x.start_timestamp', `x.${id}`];
  const order = keys.map(key => `${key} NULLS LAST`).join(', ');
  const rows = `SELECT ${columns} FROM ${table}_rows x JOIN picked p ON ${isPicked} WHERE ${where} ORDER BY ${order}`;
  return `SELECT ${csvColumns(entityTables[entity]).join(', ')} FROM (${rows}) x`;
}

const tables = ['services', 'states', 'tasks'] as const;

/** Where events came from: those of rows, of deletions, and of rows that a deletion removed or will remove. */
const logs = [
  ...tables.map(table => `SELECT service_key, service_id, log, split FROM ${table}_rows`),
  'SELECT service_key, service_id, log, split FROM deleted_logs',
  ...tables.map(
    table => `SELECT c.service_key, c.service_id, c.log, c.split FROM ${table}_closed c
      JOIN deletions d ON d.service_key = c.service_key AND d.service_id = c.service_id AND d.batch > c.batch`,
  ),
];

/** Counts the picked services that have events from more than one log. */
export const plainSplit = `SELECT count(*) FROM (
  SELECT p.rank FROM (${logs.join(' UNION ALL ')}) x JOIN picked p ON ${isPicked}
  GROUP BY p.rank HAVING min(x.log) <> max(x.log) OR bool_or(x.split))`;
