import type { DuckDBConnection } from '@duckdb/node-api';
import { TidemarkError } from '../../pipeline/errors.ts';
import {
  type ControlPosition,
  type ExportRecord,
  isEnded,
  type ListFilter,
  type RequestChange,
  type RequestStore,
} from '../../pipeline/export/request.ts';
import { type ProgressStore, type refusalOf, type StatusProgress, statusOf } from '../../pipeline/requests/statuses.ts';
import { quoteText } from '../../schemas/tables/sql.ts';
import type { Database } from './file/database.ts';
import { Transactions } from './file/transactions.ts';
import { moveControlPosition } from './requests/control-positions.ts';
import { DuckDbControlStore } from './requests/control-store.ts';
import { DuckDbOutbox } from './requests/outbox.ts';
import { DuckDbReplayStore } from './requests/replay-store.ts';
import {
  insertRequest,
  listRequests,
  OpenRequests,
  type RequestRow,
  readChangedSince,
  selectRequest,
  selectRequests,
  updateRequest,
} from './requests/request-rows.ts';

interface RequestStoreOptions {
  readonly now: () => number;
  /** True when there is a status topic; otherwise no statuses are written. */
  readonly statuses?: boolean;
  /** The spellings of the export root, which are replaced in statuses. */
  readonly roots?: readonly string[];
  /** The name of the service in statuses. */
  readonly service?: string;
}

const defaultService = 'tidemark';

interface StoreParts {
  readonly transactions: Transactions;
  readonly open: OpenRequests;
  readonly outbox: DuckDbOutbox;
  readonly replays: DuckDbReplayStore;
}

/** Keeps export requests in the database, and writes the status of each change in the transaction of the change. */
export class DuckDbRequestStore implements RequestStore, ProgressStore {
  readonly outbox: DuckDbOutbox;
  /** For the reader of the control topic. */
  readonly control: DuckDbControlStore;
  /** The replays, which share the ids of exports. */
  readonly replays: DuckDbReplayStore;
  readonly #transactions: Transactions;
  readonly #open: OpenRequests;
  readonly #now: () => number;
  readonly #hasStatusTopic: boolean;
  readonly #roots: readonly string[];
  readonly #service: string;

  private constructor(
    { transactions, open, outbox, replays }: StoreParts,
    { now, statuses = false, roots = [], service = defaultService }: RequestStoreOptions,
  ) {
    this.#transactions = transactions;
    this.#open = open;
    this.#now = now;
    this.#hasStatusTopic = statuses;
    this.#roots = roots;
    this.#service = service;
    this.outbox = outbox;
    this.replays = replays;
    this.control = new DuckDbControlStore(transactions, outbox, () => this.#statusContext());
  }

  static async open(database: Database, options: RequestStoreOptions): Promise<DuckDbRequestStore> {
    const open = new OpenRequests();
    const transactions = new Transactions(await database.connect(), () => {
      open.forget();
      replays.forget();
    });
    const outbox = await DuckDbOutbox.open(transactions);
    const { now, statuses = false, service = defaultService } = options;
    const replays = new DuckDbReplayStore({ transactions, outbox, now, hasStatusTopic: statuses, service });
    return new DuckDbRequestStore({ transactions, open, outbox, replays }, options);
  }

  insert(record: ExportRecord, control?: ControlPosition): Promise<void> {
    return this.#transactions.run(async connection => {
      const open = await this.#open.rows(connection);
      if (await this.replays.has(connection, record.requestId)) throw replayHasId(record.requestId);
      if (control !== undefined) await moveControlPosition(connection, control);
      const accepted = this.#withNextSequence({
        record: { ...record, state: 'accepted' },
        sequence: 0,
        isReported: false,
      });
      const row = record.state === 'accepted' ? accepted : this.#withNextSequence({ ...accepted, record });
      await insertRequest(connection, row);
      open.set(record.requestId, row);
      await this.#writeStatus(connection, accepted);
      if (row !== accepted) await this.#writeStatus(connection, row);
    });
  }

  update(requestId: string, change: RequestChange): Promise<ExportRecord | null> {
    const { state } = change;
    const continues = state === 'running' || state === 'publishing';
    const write = async (connection: DuckDBConnection): Promise<ExportRecord | null> => {
      const open = await this.#open.rows(connection);
      const known = open.get(requestId);
      if (known === undefined || (continues && known.record.cancelledBy !== null)) return null;
      const hasEnded = state !== undefined && isEnded(state);
      const changed = { ...known.record, ...change, endedAt: hasEnded ? this.#now() : null };
      const changedSince = state === 'completed' ? await changesSince(connection, changed) : null;
      const record = { ...changed, changedSince };
      const row = this.#withNextSequence({ ...known, record, isReported: changedSince !== null });
      await this.#writeRow(connection, row, open);
      await this.#writeStatus(connection, row);
      return record;
    };
    return this.#hasStatusTopic ? this.#transactions.run(write) : this.#transactions.autocommit(write);
  }

  cancel(requestId: string, by: string, control?: ControlPosition): Promise<boolean> {
    return this.#transactions.run(async connection => {
      const open = await this.#open.rows(connection);
      const known = open.get(requestId);
      if (known === undefined || known.record.state === 'publishing') return false;
      await this.#writeRow(connection, { ...known, record: { ...known.record, cancelledBy: by } }, open);
      if (control !== undefined) await moveControlPosition(connection, control);
      return true;
    });
  }

  repeat(requestId: string, control: ControlPosition): Promise<void> {
    return this.#transactions.run(async connection => {
      await moveControlPosition(connection, control);
      if (this.#hasStatusTopic && !(await this.#open.rows(connection)).has(requestId))
        await this.#repeatLastStatus(connection, requestId);
    });
  }

  async recordProgress(requestId: string, progress: StatusProgress): Promise<void> {
    if (!this.#hasStatusTopic) return;
    await this.#transactions.run(async connection => {
      const open = await this.#open.rows(connection);
      const known = open.get(requestId);
      if (known === undefined) return;
      const row = this.#withNextSequence(known);
      await this.#writeRow(connection, row, open);
      await this.#writeStatus(connection, row, progress);
    });
  }

  find(requestId: string): Promise<ExportRecord | null> {
    return this.#transactions.autocommit(async connection => {
      const open = (await this.#open.rows(connection)).get(requestId);
      return (open ?? (await selectRequest(connection, requestId)))?.record ?? null;
    });
  }

  unfinished(): Promise<readonly ExportRecord[]> {
    return this.#transactions.autocommit(async connection =>
      Array.from((await this.#open.rows(connection)).values(), ({ record }) => record),
    );
  }

  list(limit: number, filter?: ListFilter): Promise<readonly ExportRecord[]> {
    return this.#transactions.autocommit(async connection => {
      const rows = await listRequests(connection, limit, filter);
      return rows.map(({ record }) => record);
    });
  }

  reportChanges(requestIds?: readonly string[]): Promise<void> {
    const ids = requestIds?.map(quoteText).join(', ');
    if (ids === '' || !this.#hasStatusTopic) return Promise.resolve();
    return this.#transactions.run(async connection => {
      const clause = `WHERE state = 'completed' AND NOT reported AND c.stored_at IS NOT NULL ${ids === undefined ? '' : `AND request_id IN (${ids})`}`;
      for (const row of await selectRequests(connection, clause, [])) {
        const reported = this.#withNextSequence({ ...row, isReported: true });
        await updateRequest(connection, reported);
        await this.#writeStatus(connection, reported);
      }
    });
  }

  async forgetEndedBefore(moment: number): Promise<void> {
    await this.#transactions.autocommit(connection =>
      connection.run('DELETE FROM exports WHERE ended_at < make_timestamp($1::BIGINT * 1000)', [BigInt(moment)]),
    );
  }

  /** Waits for earlier calls; later ones throw `INTERRUPTED`. */
  close(): Promise<void> {
    return this.#transactions.close();
  }

  /** Updates a request's row, and its entry in memory, which is removed when the request has ended. */
  async #writeRow(connection: DuckDBConnection, row: RequestRow, open: Map<string, RequestRow>): Promise<void> {
    await updateRequest(connection, row);
    const { requestId, state } = row.record;
    if (isEnded(state)) open.delete(requestId);
    else open.set(requestId, row);
  }

  /** The row with the number of its next status. It is stored with the request, because sent statuses are deleted. */
  #withNextSequence(row: RequestRow): RequestRow {
    return this.#hasStatusTopic ? { ...row, sequence: row.sequence + 1 } : row;
  }

  #statusContext(): Parameters<typeof refusalOf>[2] {
    return { now: this.#now(), roots: this.#roots, service: this.#service };
  }

  /** Writes the request's state to the outbox. */
  async #writeStatus(
    connection: DuckDBConnection,
    { record, sequence }: RequestRow,
    progress: StatusProgress | null = null,
  ) {
    if (!this.#hasStatusTopic) return;
    await this.outbox.add(connection, statusOf(record, { ...this.#statusContext(), sequence, progress }));
  }

  /** Writes the last status of an ended request again, with the same sequence, so that readers who have it drop it. */
  async #repeatLastStatus(connection: DuckDBConnection, requestId: string): Promise<void> {
    const row = await selectRequest(connection, requestId);
    if (row === null) return;
    // A request that ended while there was no status topic has no status yet.
    const numbered = row.sequence === 0 ? this.#withNextSequence(row) : row;
    if (numbered !== row) await updateRequest(connection, numbered);
    await this.#writeStatus(connection, numbered);
  }
}

function replayHasId(requestId: string): TidemarkError {
  const problem = `request id ${JSON.stringify(requestId)} is that of a replay`;
  return new TidemarkError('REQUEST_CONFLICT', `${problem}; use a new id for the export`);
}

/** What contradicts an export already when it completes. */
async function changesSince(connection: DuckDBConnection, { requestId, manifest, snapshotBatch }: ExportRecord) {
  if (manifest?.status !== 'complete' || snapshotBatch === null) return null;
  return readChangedSince(connection, requestId, snapshotBatch);
}
