import type { DuckDBConnection } from '@duckdb/node-api';
import {
  type ControlPosition,
  type ExportRecord,
  isEnded,
  type RequestChange,
  type RequestStore,
} from '../../pipeline/export/request.ts';
import { type ProgressStore, type StatusProgress, statusOf } from '../../pipeline/requests/statuses.ts';
import type { Database } from './file/database.ts';
import { Transactions } from './file/transactions.ts';
import { moveControlPosition } from './requests/control-positions.ts';
import { DuckDbControlStore } from './requests/control-store.ts';
import { OpenRequests } from './requests/open-requests.ts';
import { DuckDbOutbox } from './requests/outbox.ts';
import {
  insertRequest,
  type RequestRow,
  selectRequest,
  selectRequests,
  updateRequest,
} from './requests/request-rows.ts';

interface RequestStoreOptions {
  readonly now: () => number;
  /** Whether statuses are to be sent: only then are they written. */
  readonly statuses?: boolean;
  /** The spellings of the export root, which statuses do not tell. */
  readonly roots?: readonly string[];
}

interface Kept {
  readonly transactions: Transactions;
  readonly open: OpenRequests;
  readonly outbox: DuckDbOutbox;
}

/** Keeps export requests in the warehouse's file, and with each change what is to be said of it. */
export class DuckDbRequestStore implements RequestStore, ProgressStore {
  readonly outbox: DuckDbOutbox;
  /** For the reader of the control topic. */
  readonly control: DuckDbControlStore;
  readonly #transactions: Transactions;
  readonly #open: OpenRequests;
  readonly #now: () => number;
  readonly #statuses: boolean;
  readonly #roots: readonly string[];

  private constructor(
    { transactions, open, outbox }: Kept,
    { now, statuses = false, roots = [] }: RequestStoreOptions,
  ) {
    this.#transactions = transactions;
    this.#open = open;
    this.#now = now;
    this.#statuses = statuses;
    this.#roots = roots;
    this.outbox = outbox;
    this.control = new DuckDbControlStore(transactions, outbox, () => this.#saying());
  }

  static async open(database: Database, options: RequestStoreOptions): Promise<DuckDbRequestStore> {
    const open = new OpenRequests();
    const transactions = new Transactions(await database.connect(), () => open.forget());
    return new DuckDbRequestStore({ transactions, open, outbox: await DuckDbOutbox.open(transactions) }, options);
  }

  insert(record: ExportRecord, control?: ControlPosition): Promise<void> {
    return this.#transactions.run(async connection => {
      const open = await this.#open.rows(connection);
      if (control !== undefined) await moveControlPosition(connection, control);
      const accepted = this.#saidOnceMore({ record: { ...record, state: 'accepted' }, sequence: 0 });
      const row = record.state === 'accepted' ? accepted : this.#saidOnceMore({ ...accepted, record });
      await insertRequest(connection, row);
      open.set(record.requestId, row);
      await this.#say(connection, accepted);
      if (row !== accepted) await this.#say(connection, row);
    });
  }

  update(requestId: string, change: RequestChange): Promise<ExportRecord | null> {
    const { state } = change;
    const goesOn = state === 'running' || state === 'publishing';
    const write = async (connection: DuckDBConnection): Promise<ExportRecord | null> => {
      const open = await this.#open.rows(connection);
      const known = open.get(requestId);
      if (known === undefined || (goesOn && known.record.cancelledBy !== null)) return null;
      const hasEnded = state !== undefined && isEnded(state);
      const record = { ...known.record, ...change, endedAt: hasEnded ? this.#now() : null };
      const row = this.#saidOnceMore({ ...known, record });
      await this.#write(connection, row, open);
      await this.#say(connection, row);
      return record;
    };
    return this.#statuses ? this.#transactions.run(write) : this.#transactions.change(write);
  }

  cancel(requestId: string, by: string, control?: ControlPosition): Promise<boolean> {
    return this.#transactions.run(async connection => {
      const open = await this.#open.rows(connection);
      const known = open.get(requestId);
      if (known === undefined || known.record.state === 'publishing') return false;
      await this.#write(connection, { ...known, record: { ...known.record, cancelledBy: by } }, open);
      if (control !== undefined) await moveControlPosition(connection, control);
      return true;
    });
  }

  repeat(requestId: string, control: ControlPosition): Promise<void> {
    return this.#transactions.run(async connection => {
      await moveControlPosition(connection, control);
      if (this.#statuses && !(await this.#open.rows(connection)).has(requestId))
        await this.#sayAgain(connection, requestId);
    });
  }

  async recordProgress(requestId: string, progress: StatusProgress): Promise<void> {
    if (!this.#statuses) return;
    await this.#transactions.run(async connection => {
      const open = await this.#open.rows(connection);
      const known = open.get(requestId);
      if (known === undefined) return;
      const row = this.#saidOnceMore(known);
      await this.#write(connection, row, open);
      await this.#say(connection, row, progress);
    });
  }

  find(requestId: string): Promise<ExportRecord | null> {
    return this.#transactions.ask(async connection => {
      const open = (await this.#open.rows(connection)).get(requestId);
      return (open ?? (await selectRequest(connection, requestId)))?.record ?? null;
    });
  }

  unfinished(): Promise<readonly ExportRecord[]> {
    return this.#transactions.ask(async connection =>
      Array.from((await this.#open.rows(connection)).values(), ({ record }) => record),
    );
  }

  list(limit: number): Promise<readonly ExportRecord[]> {
    return this.#transactions.ask(async connection => {
      const rows = await selectRequests(connection, 'ORDER BY accepted_at DESC, request_id LIMIT $1', [limit]);
      return rows.map(({ record }) => record);
    });
  }

  async forgetEndedBefore(moment: number): Promise<void> {
    await this.#transactions.ask(connection =>
      connection.run('DELETE FROM exports WHERE ended_at < make_timestamp($1::BIGINT * 1000)', [BigInt(moment)]),
    );
  }

  /** Waits for what was asked before; whoever asks later gets `INTERRUPTED`. */
  close(): Promise<void> {
    return this.#transactions.close();
  }

  /** Writes a request as it now is. One that has ended is kept by the database alone. */
  async #write(connection: DuckDBConnection, row: RequestRow, open: Map<string, RequestRow>): Promise<void> {
    await updateRequest(connection, row);
    const { requestId, state } = row.record;
    if (isEnded(state)) open.delete(requestId);
    else open.set(requestId, row);
  }

  /** The last sequence stays with the request when its statuses are sent. */
  #saidOnceMore(row: RequestRow): RequestRow {
    return this.#statuses ? { ...row, sequence: row.sequence + 1 } : row;
  }

  #saying(): { readonly now: number; readonly roots: readonly string[] } {
    return { now: this.#now(), roots: this.#roots };
  }

  /** Writes what is to be said of a request as it now is. */
  async #say(connection: DuckDBConnection, { record, sequence }: RequestRow, progress: StatusProgress | null = null) {
    if (!this.#statuses) return;
    await this.outbox.add(connection, statusOf(record, { ...this.#saying(), sequence, progress }));
  }

  /** The end once more, word for word: who has it drops it, who asks again because he lacks it gets it. */
  async #sayAgain(connection: DuckDBConnection, requestId: string): Promise<void> {
    const row = await selectRequest(connection, requestId);
    if (row === null) return;
    // It ended when nothing was said of requests.
    const said = row.sequence === 0 ? this.#saidOnceMore(row) : row;
    if (said !== row) await updateRequest(connection, said);
    await this.#say(connection, said);
  }
}
