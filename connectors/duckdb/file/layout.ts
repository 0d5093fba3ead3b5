import type { DuckDBConnection } from '@duckdb/node-api';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { entities } from '../../../schemas/events/events.ts';
import { entitySql, readSql } from '../../../schemas/tables/sql.ts';
import { readNumber } from './read-number.ts';

/** The version of the tables that `layoutSql` creates. Files of other versions are refused: the log is read again. */
const layoutVersion = 2;

/**
 * Creates the tables of a new database file, or checks that the tables of an existing one are of this version. `path`
 * is for the message. Throws `WAREHOUSE_UNFIT`.
 */
export async function prepareLayout(connection: DuckDBConnection, path: string): Promise<void> {
  const layoutTables = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'layout'";
  if ((await readNumber(connection, layoutTables)) === 0) {
    await connection.run(layoutSql());
    return;
  }
  const version = await readNumber(connection, 'SELECT version FROM layout');
  if (version === layoutVersion) return;
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
    `INSERT INTO layout VALUES (${layoutVersion}, uuid());`,
    ...entities.map(entity => entitySql('0002_entity', entity)),
    readSql('tables/0003_control.sql'),
    'COMMIT;',
  ].join('\n');
}
