import type { DuckDBConnection } from '@duckdb/node-api';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { entities } from '../../../schemas/events/events.ts';
import { entitySql, readSql } from '../../../schemas/tables/sql.ts';
import { readNumber } from './read-number.ts';

/** The version of the tables that `layoutSql` creates. Versions 2 and 3 are carried over; version 1 was never released. */
const layoutVersion = 4;

/**
 * Creates the tables of a new database file, or carries the tables of an older version over, in one transaction: after a
 * crash the file is as it was, or as it should be. `path` is for the message. Throws `WAREHOUSE_UNFIT` for any other
 * version.
 */
export async function prepareLayout(connection: DuckDBConnection, path: string): Promise<void> {
  const layoutTables = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'layout'";
  if ((await readNumber(connection, layoutTables)) === 0) {
    await connection.run(layoutSql());
    return;
  }
  const version = await readNumber(connection, 'SELECT version FROM layout');
  if (version === layoutVersion) return;
  if (version === 2 || version === 3) return carryOver(connection, version);
  throw new TidemarkError(
    'WAREHOUSE_UNFIT',
    `${path} has layout ${version}, of another version of tidemark; this version reads and writes layout ${layoutVersion}. ` +
      'Set db to another file and read the log into it',
  );
}

/** Creates all tables and views in one transaction, so that no file has only some of them. */
function layoutSql(): string {
  return [
    'BEGIN;',
    readSql('tables/0001_store.sql'),
    readSql('tables/merge_extensions.sql'),
    `INSERT INTO layout VALUES (${layoutVersion}, uuid(), false);`,
    ...entities.map(entity => entitySql('0002_entity_tables', entity)),
    ...entities.map(entity => entitySql('0003_entity_views', entity)),
    readSql('tables/0004_control.sql'),
    'COMMIT;',
  ].join('\n');
}

/** Columns are added before a table's rows are changed: DuckDB refuses it the other way round in one transaction. */
async function carryOver(connection: DuckDBConnection, version: 2 | 3): Promise<void> {
  const fromLayout2 = [
    readSql('tables/carry_over_2.sql'),
    readSql('tables/merge_extensions.sql'),
    ...entities.map(entity => entitySql('carry_over_3_entity', entity)),
    ...entities.map(entity => entitySql('carry_over_2_entity', entity)),
    'DROP TABLE kinds;',
  ];
  const fromLayout3 = entities.map(entity => entitySql('carry_over_3_entity', entity));
  const statements = [
    'BEGIN;',
    ...(version === 2 ? fromLayout2 : fromLayout3),
    ...entities.map(entity => entitySql('0003_entity_views', entity)),
    `UPDATE layout SET version = ${layoutVersion};`,
    'COMMIT;',
  ];
  try {
    await connection.run(statements.join('\n'));
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
