import type { DuckDBConnection } from '@duckdb/node-api';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { entities } from '../../../schemas/events/events.ts';
import { entitySql, readSql } from '../../../schemas/tables/sql.ts';
import { readNumber } from './read-number.ts';

/** The version of the tables that `layoutSql` creates. Versions 2 to 4 are carried over; version 1 was never released. */
const layoutVersion = 5;

/**
 * Creates the tables of a new database file, or carries the tables of an older version over, each step in one transaction:
 * after a crash the file has a layout that can be carried over. `path` is for the message. Throws `WAREHOUSE_UNFIT` for any other
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
  if (version === 2 || version === 3 || version === 4) return carryOver(connection, version);
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

/**
 * Each step is a transaction of its own, and leaves a database that a later start can carry on: DuckDB refuses to add columns to
 * a table whose rows were changed in the same transaction.
 */
async function carryOver(connection: DuckDBConnection, version: 2 | 3 | 4): Promise<void> {
  const entityStep = entities.map(entity => entitySql('carry_over_3_entity', entity));
  const views = entities.map(entity => entitySql('0003_entity_views', entity));
  const fromLayout2 = [
    readSql('tables/carry_over_2.sql'),
    readSql('tables/merge_extensions.sql'),
    ...entityStep,
    ...entities.map(entity => entitySql('carry_over_2_entity', entity)),
    'DROP TABLE kinds;',
  ];
  if (version < 4) await step(connection, [...(version === 2 ? fromLayout2 : entityStep), ...views], 4);
  await step(connection, [readSql('tables/carry_over_4.sql')], layoutVersion);
}

async function step(connection: DuckDBConnection, changes: readonly string[], version: number): Promise<void> {
  try {
    await connection.run(['BEGIN;', ...changes, `UPDATE layout SET version = ${version};`, 'COMMIT;'].join('\n'));
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
