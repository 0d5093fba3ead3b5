import type { DuckDBConnection } from '@duckdb/node-api';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { Semaphore } from '../../../pipeline/requests/semaphore.ts';
import { databaseFailure } from './failure.ts';

/** Runs transactions on one connection, one after another. */
export class Transactions {
  readonly #connection: DuckDBConnection;
  readonly #onRollback: () => void;
  readonly #semaphore = new Semaphore(1);
  #isClosed = false;

  /** `onRollback` is called when a transaction failed, before the next one begins. */
  constructor(connection: DuckDBConnection, onRollback: () => void) {
    this.#connection = connection;
    this.#onRollback = onRollback;
  }

  /** Runs `work` in a transaction; rolls back when it throws. Throws `INTERRUPTED` once the connection is closed. */
  run<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    return this.#runAlone(async () => {
      await this.#connection.run('BEGIN TRANSACTION');
      try {
        const result = await work(this.#connection);
        await this.#connection.run('COMMIT');
        return result;
      } catch (error) {
        this.#onRollback();
        await this.#connection.run('ROLLBACK').catch(() => undefined);
        throw error;
      }
    });
  }

  /**
   * Runs `work` without a transaction around it: each of its statements is a transaction by itself, which saves the time
   * of `BEGIN` and `COMMIT`. Only the last statement may change data. `work` must not append chunks, because an
   * appender would then wait for the disk on JavaScript's thread. Throws as `run` does.
   */
  autocommit<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    return this.#runAlone(async () => {
      try {
        return await work(this.#connection);
      } catch (error) {
        this.#onRollback();
        throw error;
      }
    });
  }

  /**
   * Waits for all earlier calls, then closes the connection. Closing it during one of its statements would leave a
   * thread that waits for itself, and the process would never exit.
   */
  async close(): Promise<void> {
    await this.#semaphore.run(async () => {
      this.#isClosed = true;
      this.#connection.closeSync();
    });
  }

  #runAlone<T>(work: () => Promise<T>): Promise<T> {
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
