import type { DuckDBConnection } from '@duckdb/node-api';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { Semaphore } from '../../../pipeline/requests/semaphore.ts';
import { databaseFailure } from './failure.ts';

/** One connection whose transactions come one after the other, each whole or not at all. */
export class Transactions {
  readonly #connection: DuckDBConnection;
  readonly #onUndone: () => void;
  readonly #semaphore = new Semaphore(1);
  #isClosed = false;

  /** `onUndone` is called when a transaction failed, before the next one begins. */
  constructor(connection: DuckDBConnection, onUndone: () => void) {
    this.#connection = connection;
    this.#onUndone = onUndone;
  }

  /** Runs one. Whatever `work` throws undoes all of it. Throws `INTERRUPTED` once the connection is closed. */
  run<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      await this.#connection.run('BEGIN TRANSACTION');
      try {
        const result = await work(this.#connection);
        await this.#connection.run('COMMIT');
        return result;
      } catch (error) {
        this.#onUndone();
        await this.#connection.run('ROLLBACK').catch(() => undefined);
        throw error;
      }
    });
  }

  /**
   * Changes one thing by one statement, the last that `work` gives: DuckDB makes it a transaction by itself, for which no
   * further statements are needed. Not by appending, which would then wait for the disk on this thread. Throws as `run` does.
   */
  change<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      try {
        return await work(this.#connection);
      } catch (error) {
        this.#onUndone();
        throw error;
      }
    });
  }

  /** Asks with one statement, which needs no more of a transaction than its own. Throws as `run` does. */
  ask<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    return this.#inTurn(() => work(this.#connection));
  }

  /**
   * Closes the connection when what was asked before has been done: a connection that is closed under its own statement
   * leaves a thread that waits for itself, and with it a process that never ends.
   */
  async close(): Promise<void> {
    await this.#semaphore.run(async () => {
      this.#isClosed = true;
      this.#connection.closeSync();
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#semaphore.run(async () => {
      if (this.#isClosed) throw new TidemarkError('INTERRUPTED', 'the database is closed: this process is stopping');
      try {
        return await work();
      } catch (error) {
        throw databaseFailure(error, 'record a request') ?? error;
      }
    });
  }
}
