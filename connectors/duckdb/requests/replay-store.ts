import type { DuckDBConnection } from '@duckdb/node-api';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { type ControlPosition, isEnded, type ListFilter } from '../../../pipeline/export/request.ts';
import type {
  ReplayChange,
  ReplayProgress,
  ReplayRecord,
  ReplayStore,
} from '../../../pipeline/requests/replay-request.ts';
import { replayStatusOf } from '../../../pipeline/requests/statuses.ts';
import type { Transactions } from '../file/transactions.ts';
import { moveControlPosition } from './control-positions.ts';
import type { DuckDbOutbox } from './outbox.ts';
import { insertReplay, type ReplayRow, selectReplays, updateReplay } from './replay-rows.ts';

interface ReplayStoreParts {
  readonly transactions: Transactions;
  readonly outbox: DuckDbOutbox;
  readonly now: () => number;
  /** True when there is a status topic; otherwise no statuses are written. */
  readonly hasStatusTopic: boolean;
  /** The name of the service in statuses. */
  readonly service: string;
}

/**
 * Keeps replays in the database, and writes the status of each change in the transaction of the change. They are few, so all
 * of them are held in memory, and only this process writes them.
 */
export class DuckDbReplayStore implements ReplayStore {
  readonly #parts: ReplayStoreParts;
  #rows: Map<string, ReplayRow> | null = null;

  constructor(parts: ReplayStoreParts) {
    this.#parts = parts;
  }

  /** Makes the next call read the database again; to be called when a transaction was rolled back. */
  forget(): void {
    this.#rows = null;
  }

  /** Whether a replay has this id. To be used in the callbacks of `Transactions`. */
  async has(connection: DuckDBConnection, requestId: string): Promise<boolean> {
    return (await this.#read(connection)).has(requestId);
  }

  insert(record: ReplayRecord, control?: ControlPosition): Promise<void> {
    const { requestId } = record;
    return this.#parts.transactions.run(async connection => {
      const rows = await this.#read(connection);
      await checkFree(connection, requestId);
      if (control !== undefined) await moveControlPosition(connection, control);
      const row = this.#withNextSequence({ record, sequence: 0 });
      await insertReplay(connection, row);
      rows.set(requestId, row);
      await this.#writeStatus(connection, row);
    });
  }

  update(requestId: string, change: ReplayChange): Promise<ReplayRecord | null> {
    const { now } = this.#parts;
    const { state } = change;
    return this.#change(requestId, known => {
      if (isEnded(known.state)) return null;
      if ((state === 'running' || state === 'completed') && known.cancelledBy !== null) return null;
      const endedAt = state !== undefined && isEnded(state) ? now() : null;
      const usedAt = state === 'completed' ? endedAt : null;
      return { ...known, ...change, endedAt, usedAt, droppedAt: state === 'completed' ? null : endedAt };
    });
  }

  async cancel(requestId: string, by: string, control?: ControlPosition): Promise<boolean> {
    const mark = (known: ReplayRecord) => (isEnded(known.state) ? null : { ...known, cancelledBy: by });
    return (await this.#change(requestId, mark, { control, isSilent: true })) !== null;
  }

  repeat(requestId: string, control: ControlPosition): Promise<void> {
    return this.#parts.transactions.run(async connection => {
      await moveControlPosition(connection, control);
      const row = (await this.#read(connection)).get(requestId);
      if (row === undefined || !isEnded(row.record.state)) return;
      // One that ended while there was no status topic has no status yet.
      const numbered = row.sequence === 0 ? this.#withNextSequence(row) : row;
      if (numbered !== row) await this.#write(connection, numbered);
      await this.#writeStatus(connection, numbered);
    });
  }

  async recordProgress(requestId: string, progress: ReplayProgress): Promise<void> {
    await this.#change(requestId, known => (isEnded(known.state) ? null : { ...known, progress }));
  }

  async markUsed(requestId: string): Promise<void> {
    const usedAt = this.#parts.now();
    await this.#change(requestId, known => ({ ...known, usedAt }), { isSilent: true });
  }

  async markDropped(requestId: string): Promise<void> {
    const droppedAt = this.#parts.now();
    await this.#change(requestId, known => ({ ...known, droppedAt }), { isSilent: true });
  }

  find(requestId: string): Promise<ReplayRecord | null> {
    return this.#parts.transactions.autocommit(
      async connection => (await this.#read(connection)).get(requestId)?.record ?? null,
    );
  }

  all(): Promise<readonly ReplayRecord[]> {
    return this.#parts.transactions.autocommit(async connection =>
      Array.from((await this.#read(connection)).values(), ({ record }) => record),
    );
  }

  async list(limit: number, filter?: ListFilter): Promise<readonly ReplayRecord[]> {
    const { after = null, states = null, door = null, acceptedFrom = null, acceptedTo = null } = filter ?? {};
    return (await this.all())
      .filter(
        record =>
          (after === null || newestFirst(after, record) < 0) &&
          (states === null || states.includes(record.state)) &&
          (door === null || record.asker.door === door) &&
          (acceptedFrom === null || record.acceptedAt >= acceptedFrom) &&
          (acceptedTo === null || record.acceptedAt < acceptedTo),
      )
      .toSorted(newestFirst)
      .slice(0, limit);
  }

  async forgetEndedBefore(moment: number): Promise<void> {
    await this.#parts.transactions.autocommit(connection => {
      this.forget();
      return connection.run(
        'DELETE FROM replays WHERE dropped_at IS NOT NULL AND ended_at < make_timestamp($1::BIGINT * 1000)',
        [BigInt(moment)],
      );
    });
  }

  /** Writes what `change` makes of a replay, and its status unless silent; null where it is unknown or `change` returns null. */
  #change(
    requestId: string,
    change: (known: ReplayRecord) => ReplayRecord | null,
    { control, isSilent = false }: { readonly control?: ControlPosition | undefined; readonly isSilent?: boolean } = {},
  ): Promise<ReplayRecord | null> {
    return this.#parts.transactions.run(async connection => {
      const known = (await this.#read(connection)).get(requestId);
      const record = known === undefined ? null : change(known.record);
      if (known === undefined || record === null) return null;
      const row = isSilent ? { ...known, record } : this.#withNextSequence({ ...known, record });
      await this.#write(connection, row);
      if (control !== undefined) await moveControlPosition(connection, control);
      if (!isSilent) await this.#writeStatus(connection, row);
      return record;
    });
  }

  async #read(connection: DuckDBConnection): Promise<Map<string, ReplayRow>> {
    this.#rows ??= new Map((await selectReplays(connection)).map(row => [row.record.requestId, row]));
    return this.#rows;
  }

  async #write(connection: DuckDBConnection, row: ReplayRow): Promise<void> {
    await updateReplay(connection, row);
    this.#rows?.set(row.record.requestId, row);
  }

  #withNextSequence(row: ReplayRow): ReplayRow {
    return this.#parts.hasStatusTopic ? { ...row, sequence: row.sequence + 1 } : row;
  }

  async #writeStatus(connection: DuckDBConnection, { record, sequence }: ReplayRow): Promise<void> {
    const { outbox, hasStatusTopic, now, service } = this.#parts;
    if (hasStatusTopic) await outbox.add(connection, replayStatusOf(record, { sequence, now: now(), service }));
  }
}

type ListPlace = Pick<ReplayRecord, 'acceptedAt' | 'requestId'>;

function newestFirst(one: ListPlace, other: ListPlace): number {
  return other.acceptedAt - one.acceptedAt || Buffer.compare(Buffer.from(one.requestId), Buffer.from(other.requestId));
}

async function checkFree(connection: DuckDBConnection, requestId: string): Promise<void> {
  const reader = await connection.runAndReadAll('SELECT count(*) FROM exports WHERE request_id = $1', [requestId]);
  if (Number(reader.value(0, 0)) === 0) return;
  throw new TidemarkError(
    'REQUEST_CONFLICT',
    `request id ${JSON.stringify(requestId)} is that of an export; use a new id for the replay`,
  );
}
