import type { DuckDBConnection } from '@duckdb/node-api';
import {
  type ControlPosition,
  type ExportRecord,
  isEnded,
  type RequestChange,
  type RequestStore,
} from '../../pipeline/requests.ts';
import { type ProgressStore, type StatusProgress, statusOf } from '../../pipeline/statuses.ts';
import { moveControlPosition } from './control-positions.ts';
import { DuckDbControlStore } from './control-store.ts';
import type { Database } from './database.ts';
import { DuckDbOutbox } from './outbox.ts';
import { insertRequest, selectRequest, selectRequests, terminal } from './request-rows.ts';
import { Transactions } from './transactions.ts';

export interface RequestStoreOptions {
  readonly now: () => number;
  /** Whether statuses are to be sent: only then are they written. */
  readonly statuses?: boolean;
  /** The spellings of the export root, which statuses do not tell. */
  readonly roots?: readonly string[];
}

/** Keeps export requests in the warehouse's file, and with each change what is to be said of it. */
export class DuckDbRequestStore implements RequestStore, ProgressStore {
  readonly outbox: DuckDbOutbox;
  /** For the reader of the control topic. */
  readonly control: DuckDbControlStore;
  readonly #transactions: Transactions;
  readonly #now: () => number;
  readonly #statuses: boolean;
  readonly #roots: readonly string[];

  private constructor(
    transactions: Transactions,
    outbox: DuckDbOutbox,
    { now, statuses = false, roots = [] }: RequestStoreOptions,
  ) {
    this.#transactions = transactions;
    this.#now = now;
    this.#statuses = statuses;
    this.#roots = roots;
    this.outbox = outbox;
    this.control = new DuckDbControlStore(transactions, outbox, () => this.#saying());
  }

  static async open(database: Database, options: RequestStoreOptions): Promise<DuckDbRequestStore> {
    const transactions = new Transactions(await database.connect());
    return new DuckDbRequestStore(transactions, await DuckDbOutbox.open(transactions), options);
  }

  insert(record: ExportRecord, control?: ControlPosition): Promise<void> {
    return this.#transactions.run(async connection => {
      if (control !== undefined) await moveControlPosition(connection, control);
      await insertRequest(connection, record);
      await this.#say(connection, record.requestId);
    });
  }

  update(requestId: string, { state, manifest, error }: RequestChange): Promise<boolean> {
    const endedAt = state !== undefined && isEnded(state) ? BigInt(this.#now()) : null;
    const goesOn = state === 'running' || state === 'publishing';
    return this.#transactions.run(async connection => {
      const changed = await connection.runAndReadAll(
        `UPDATE exports SET state = coalesce($2::VARCHAR, state), manifest = coalesce($3::VARCHAR, manifest),
           error = coalesce($4::VARCHAR, error), ended_at = make_timestamp($5::BIGINT * 1000)
         WHERE request_id = $1 AND state NOT IN ${terminal} AND NOT ($6::BOOLEAN AND cancelled_by IS NOT NULL)
         RETURNING request_id`,
        [requestId, state ?? null, json(manifest), json(error), endedAt, goesOn],
      );
      if (changed.currentRowCount === 0) return false;
      if (state !== undefined) await this.#say(connection, requestId);
      return true;
    });
  }

  cancel(requestId: string, by: string, control?: ControlPosition): Promise<boolean> {
    return this.#transactions.run(async connection => {
      const changed = await connection.runAndReadAll(
        `UPDATE exports SET cancelled_by = $2 WHERE request_id = $1 AND state IN ('accepted', 'running')
         RETURNING request_id`,
        [requestId, by],
      );
      if (changed.currentRowCount === 0) return false;
      if (control !== undefined) await moveControlPosition(connection, control);
      return true;
    });
  }

  repeat(requestId: string, control: ControlPosition): Promise<void> {
    return this.#transactions.run(async connection => {
      await moveControlPosition(connection, control);
      await this.#sayAgain(connection, requestId);
    });
  }

  async tell(requestId: string, progress: StatusProgress): Promise<void> {
    if (!this.#statuses) return;
    await this.#transactions.run(async connection => {
      const known = await selectRequest(connection, requestId);
      if (known !== null && !isEnded(known.record.state)) await this.#say(connection, requestId, progress);
    });
  }

  find(requestId: string): Promise<ExportRecord | null> {
    return this.#transactions.run(async connection => (await selectRequest(connection, requestId))?.record ?? null);
  }

  unfinished(): Promise<readonly ExportRecord[]> {
    return this.#select(`WHERE state NOT IN ${terminal} ORDER BY accepted_at`, []);
  }

  list(limit: number): Promise<readonly ExportRecord[]> {
    return this.#select('ORDER BY accepted_at DESC, request_id LIMIT $1', [limit]);
  }

  async forgetEndedBefore(moment: number): Promise<void> {
    await this.#transactions.run(connection =>
      connection.run('DELETE FROM exports WHERE ended_at < make_timestamp($1::BIGINT * 1000)', [BigInt(moment)]),
    );
  }

  /** Waits for what was asked before; whoever asks later gets `INTERRUPTED`. */
  close(): Promise<void> {
    return this.#transactions.close();
  }

  #select(which: string, parameters: (string | number)[]): Promise<readonly ExportRecord[]> {
    return this.#transactions.run(async connection =>
      (await selectRequests(connection, which, parameters)).map(({ record }) => record),
    );
  }

  #saying(): { readonly now: number; readonly roots: readonly string[] } {
    return { now: this.#now(), roots: this.#roots };
  }

  /** Writes what is to be said of a request as it now is. The last sequence stays with the request when statuses are sent. */
  async #say(connection: DuckDBConnection, requestId: string, progress: StatusProgress | null = null): Promise<void> {
    if (!this.#statuses) return;
    await connection.run('UPDATE exports SET sequence = sequence + 1 WHERE request_id = $1', [requestId]);
    const said = await selectRequest(connection, requestId);
    if (said === null) return;
    const { record, sequence } = said;
    await this.outbox.add(connection, statusOf(record, { ...this.#saying(), sequence, progress }));
  }

  /** The end once more, word for word: who has it drops it, who asks again because he lacks it gets it. */
  async #sayAgain(connection: DuckDBConnection, requestId: string): Promise<void> {
    if (!this.#statuses) return;
    const said = await selectRequest(connection, requestId);
    if (said === null || !isEnded(said.record.state)) return;
    if (said.sequence === 0) return this.#say(connection, requestId);
    await this.outbox.add(connection, statusOf(said.record, { ...this.#saying(), sequence: said.sequence }));
  }
}

function json(value: object | null | undefined): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}
