import type { DuckDBConnection } from '@duckdb/node-api';
import { entityTables } from '../../../schemas/columns.ts';
import { entities } from '../../../schemas/events/events.ts';
import { entitySql, readSql } from '../../../schemas/tables/sql.ts';
import { appendChunks } from '../vectors/row-chunks.ts';
import type { StagedRows } from './staging.ts';

/** The transaction that stores staged rows: its statements, in the order in which they are called. */
export class BatchTransaction {
  readonly #connection: DuckDBConnection;

  constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  /** Runs statements that begin with `BEGIN` or follow it, and end with `COMMIT`; rolls back when one fails. */
  async run<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      await this.#connection.run('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  /** Begins the transaction, with the fragments of rows that may be stored already in tables of their own. */
  async begin({ rows }: StagedRows, deleteSql: string): Promise<void> {
    const seen = entities.filter(entity => rows[entity].seenCount > 0);
    const tables = seen.map(entity => entitySql('create_seen', entity));
    await this.#connection.run(['BEGIN TRANSACTION;', deleteSql, ...tables].join('\n'));
    for (const entity of seen)
      await appendChunks(this.#connection, `seen_${entityTables[entity].table}`, rows[entity].seen);
  }

  /** Before the batches' rows are added: their fragments of a deleted service come from events after its deletion. */
  async delete({ number, deletions, deletesApart }: StagedRows): Promise<void> {
    if (deletions.length === 0) return;
    await appendChunks(this.#connection, 'deletions', deletions);
    const names = deletesApart ? ['delete_services', 'delete_apart'] : ['delete_services'];
    const statements = entities.flatMap(entity => names.map(name => entitySql(name, entity)));
    const ownLogs = readSql('tables/keep_deleted_logs.sql');
    await this.#connection.run([`SET VARIABLE first_batch = ${number};`, ...statements, ownLogs].join('\n'));
  }

  async append({ rows, quarantined }: StagedRows): Promise<void> {
    for (const entity of entities) {
      const { table } = entityTables[entity];
      await appendChunks(this.#connection, `${table}_open`, rows[entity].open);
      await appendChunks(this.#connection, `${table}_closed`, rows[entity].closed);
      await appendChunks(this.#connection, `${table}_apart`, rows[entity].apart);
    }
    await appendChunks(this.#connection, 'quarantine', quarantined);
  }

  /** One call: between two calls, DuckDB would wait until JavaScript's thread has folded the next batch. */
  async mergeSeenAndCommit({ rows }: StagedRows): Promise<void> {
    const seen = entities.filter(entity => rows[entity].seenCount > 0);
    await this.#connection.run([...seen.map(entity => entitySql('merge_seen', entity)), 'COMMIT;'].join('\n'));
  }
}
