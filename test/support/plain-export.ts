import type { DuckDBConnection } from '@duckdb/node-api';
import type { FileKind, Selection } from '../../pipeline/export/selection.ts';
import { entityTables } from '../../schemas/columns.ts';
import { csvColumns, isPicked, orderedRows, selected } from '../../schemas/exports/exports.ts';
import { fillSql, readSql } from '../../schemas/sql.ts';

/** How anyone would write the core columns of an export: one SELECT a file over the views, sorted as a whole. */
export const plainCopyOptions = `FORMAT csv, HEADER false, DELIMITER ',', QUOTE '"', ESCAPE '"', NULLSTR ''`;

/** Picks the services in file order into a table of the connection, whose transaction the SELECTs need. */
export async function pickPlainly(connection: DuckDBConnection, selection: Selection): Promise<void> {
  await connection.run('BEGIN TRANSACTION');
  await connection.run('SET VARIABLE time_from = $1::BIGINT', [BigInt(selection.timeFrom)]);
  await connection.run('SET VARIABLE time_to = $1::BIGINT', [BigInt(selection.timeTo)]);
  await connection.run(fillSql(readSql('exports/pick.sql'), { selected: selected(selection) }));
}

/** The SELECT of one file, after `pickPlainly`. */
export function plainSelect(kind: FileKind, filters: Selection): string {
  const entity = ({ services: 'service', states: 'state', tasks: 'task' } as const)[kind];
  const rows = orderedRows({ entity, filters, extensions: 'none' });
  return `SELECT ${csvColumns(entityTables[entity]).join(', ')} FROM ${rows}`;
}

/** How many of the picked services have events from more than one partition. */
export const plainSplit = `SELECT count(*) FROM (
  SELECT p.rank FROM (
    SELECT service_key, service_id, source, split FROM services_rows
    UNION ALL SELECT service_key, service_id, source, split FROM states_rows
    UNION ALL SELECT service_key, service_id, source, split FROM tasks_rows
  ) x JOIN picked p ON ${isPicked}
  GROUP BY p.rank HAVING min(x.source) <> max(x.source) OR bool_or(x.split))`;
