import type { Database } from './database.ts';

/**
 * Lets queries run on the one thread that asked for them, while any `run` is under way. With more threads, the one that
 * asked does not sleep while another works for it: DuckDB's has it look for work over and over, all the time, on a core
 * that packing needs. Queries of others, too, then have one thread each.
 */
export class LoneQueries {
  readonly #database: Database;
  #runs = 0;
  #lastSet: Promise<void> = Promise.resolve();

  constructor(database: Database) {
    this.#database = database;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    this.#runs += 1;
    try {
      await this.#set();
      return await work();
    } finally {
      this.#runs -= 1;
      await this.#set();
    }
  }

  /** One after the other, each by what is so when its turn comes: the last of them is right. */
  #set(): Promise<void> {
    const set = () => this.#setThreads(this.#runs > 0 ? 1 : this.#database.threads);
    this.#lastSet = this.#lastSet.then(set, set);
    return this.#lastSet;
  }

  async #setThreads(threads: number): Promise<void> {
    const connection = await this.#database.connect();
    try {
      await connection.run(`SET GLOBAL threads = ${threads}`);
    } finally {
      connection.closeSync();
    }
  }
}
