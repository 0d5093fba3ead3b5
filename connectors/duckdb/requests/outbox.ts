import type { DuckDBConnection } from '@duckdb/node-api';
import type { Outbox, OutboxEntry, Status } from '../../../pipeline/requests/statuses.ts';
import { readNumber } from '../file/read-number.ts';
import type { Transactions } from '../file/transactions.ts';
import { appendChunks, buildChunks, type Column, text, whole } from '../vectors/row-chunks.ts';

const outboxColumns: readonly Column<OutboxEntry>[] = [
  whole(({ number }) => number),
  text(({ requestId }) => requestId),
  text(({ status }) => status),
];

/** Statuses that wait to be sent, in the database. Each is added in the transaction of the change that it reports. */
export class DuckDbOutbox implements Outbox {
  readonly #transactions: Transactions;
  #last: number;
  /** One for each pending call of `changed`. */
  #waiting: (() => void)[] = [];

  private constructor(transactions: Transactions, last: number) {
    this.#transactions = transactions;
    this.#last = last;
  }

  static open(transactions: Transactions): Promise<DuckDbOutbox> {
    return transactions.autocommit(async connection => {
      const last = await readNumber(connection, 'SELECT coalesce(max(number), 0) FROM outbox');
      return new DuckDbOutbox(transactions, last);
    });
  }

  /** Adds a status in the caller's transaction. */
  async add(connection: DuckDBConnection, status: Status): Promise<void> {
    this.#last += 1;
    const entry = { number: this.#last, requestId: status.request_id, status: JSON.stringify(status) };
    await appendChunks(connection, 'outbox', buildChunks(outboxColumns, [entry]));
    // The sender reads in a transaction of its own, which `Transactions` runs after this one.
    this.#wake();
  }

  oldest(limit: number): Promise<readonly OutboxEntry[]> {
    return this.#transactions.autocommit(async connection => {
      const reader = await connection.runAndReadAll(
        'SELECT number, request_id, status FROM outbox ORDER BY number LIMIT $1',
        [BigInt(limit)],
      );
      return reader.getRows().map(([number, requestId, status]) => ({
        number: Number(number),
        requestId: String(requestId),
        status: String(status),
      }));
    });
  }

  async sent(upTo: number): Promise<void> {
    await this.#transactions.autocommit(connection =>
      connection.run('DELETE FROM outbox WHERE number <= $1', [BigInt(upTo)]),
    );
  }

  count(): Promise<number> {
    return this.#transactions.autocommit(connection => readNumber(connection, 'SELECT count(*) FROM outbox'));
  }

  changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise(resolve => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      signal.addEventListener('abort', wake);
      this.#waiting.push(wake);
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
