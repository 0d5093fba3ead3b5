import type { DuckDBConnection } from '@duckdb/node-api';
import { Turns } from '../../pipeline/turns.ts';
import { databaseFailure } from './failure.ts';

/** One connection whose transactions come one after the other, each whole or not at all. */
export class Transactions {
  readonly #connection: DuckDBConnection;
  readonly #turns = new Turns(1);

  constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  /** Runs one. Whatever `work` throws undoes all of it. */
  run<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    return this.#turns.run(async () => {
      await this.#connection.run('BEGIN TRANSACTION');
      try {
        const result = await work(this.#connection);
        await this.#connection.run('COMMIT');
        return result;
      } catch (error) {
        await this.#connection.run('ROLLBACK').catch(() => undefined);
        throw databaseFailure(error, 'record a request') ?? error;
      }
    });
  }

  close(): void {
    this.#connection.closeSync();
  }
}
