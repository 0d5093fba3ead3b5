import { codeOf, TidemarkError } from '../errors.ts';
import { isEnded, isFromReplay, type RequestStore } from '../export/request.ts';
import type { ReplayReader, SnapshotReader } from '../export/snapshot.ts';
import type { Clock } from '../ports.ts';
import { acceptInTurn } from './accept.ts';
import type { ReplayRecord, ReplayStore } from './replay-request.ts';

/** A database that is open for reading. */
interface OpenDatabase {
  readonly snapshots: SnapshotReader;
  close(): Promise<void>;
}

/** The folder in which the databases of replays lie. */
export interface ReplayFolder {
  /** The names of the databases of which any file is there. */
  names(): Promise<readonly string[]>;
  /** Opens a database; null where there is none. */
  open(file: string): Promise<OpenDatabase | null>;
  /** Removes a database with everything that belongs to it. */
  remove(file: string): Promise<void>;
}

interface DatabasesParts {
  readonly store: ReplayStore;
  readonly exports: RequestStore;
  readonly folder: ReplayFolder;
  readonly clock: Clock;
  /** How long after its last use a database is dropped, in milliseconds. */
  readonly keepMs: number;
}

interface SharedDatabase {
  readonly opened: Promise<OpenDatabase | null>;
  users: number;
}

/** The databases of completed replays: opened for exports that read from them, and dropped when nobody did for long. */
export class ReplayDatabases implements ReplayReader {
  readonly #parts: DatabasesParts;
  readonly #open = new Map<string, SharedDatabase>();
  /** Of each database that is being closed, or was. */
  readonly #closed = new Map<string, Promise<unknown>>();

  constructor(parts: DatabasesParts) {
    this.#parts = parts;
  }

  async check(replayId: string): Promise<void> {
    readableReplay(replayId, await this.#parts.store.find(replayId));
  }

  /** Exports that read from one replay at the same time share its database. */
  async open(replayId: string): Promise<OpenDatabase> {
    const { store, folder } = this.#parts;
    const { plan } = readableReplay(replayId, await store.find(replayId));
    const { file } = plan;
    const known = this.#open.get(file);
    const shared = known ?? { opened: this.#afterClose(file).then(() => folder.open(file)), users: 0 };
    if (known === undefined) this.#open.set(file, shared);
    shared.users += 1;
    const leave = async (): Promise<void> => {
      shared.users -= 1;
      if (shared.users > 0) return;
      this.#open.delete(file);
      this.#closed.set(
        file,
        shared.opened.then(opened => opened?.close()).catch(() => undefined),
      );
      await this.#afterClose(file);
    };
    try {
      const opened = await shared.opened;
      if (opened === null) throw goneReplay(replayId, file);
      await store.markUsed(replayId);
      return { snapshots: opened.snapshots, close: () => leave().then(() => store.markUsed(replayId)) };
    } catch (error) {
      await leave();
      throw error;
    }
  }

  /**
   * Drops the database of a completed replay; does nothing where it is dropped. Throws `REQUEST_UNKNOWN`, and `REQUEST_UNFINISHED`
   * while the replay runs or an export that has not ended reads from it.
   */
  drop(replayId: string): Promise<void> {
    const { store, exports } = this.#parts;
    return acceptInTurn(exports, async () => {
      const record = await store.find(replayId);
      if (record === null) throw unknownReplay(replayId);
      if (!isEnded(record.state)) throw unfinishedReplay(record);
      if (record.droppedAt !== null) return;
      const [reader] = await this.#readersOf(replayId);
      if (reader !== undefined) {
        const problem = `export ${reader}, which has not ended, reads from replay ${replayId}`;
        throw new TidemarkError('REQUEST_UNFINISHED', `${problem}; cancel it, or try again when it has ended`);
      }
      await store.markDropped(replayId);
      await this.discard(record.plan.file);
    });
  }

  /** Drops the databases that were not used for `keepMs`; returns the ids of their replays. */
  async dropUnused(): Promise<readonly string[]> {
    const { store, clock, keepMs } = this.#parts;
    const dropped: string[] = [];
    for (const { requestId, state, droppedAt, usedAt, endedAt } of await store.all()) {
      const lastUse = usedAt ?? endedAt;
      if (state !== 'completed' || droppedAt !== null || lastUse === null || clock.now() - lastUse < keepMs) continue;
      const isDropped = await this.drop(requestId).then(() => true, unlessInUse);
      if (isDropped) dropped.push(requestId);
    }
    return dropped;
  }

  /** Removes a database that nobody may read any more. What cannot be removed now, the next start removes. */
  async discard(file: string): Promise<void> {
    await this.#afterClose(file);
    await this.#parts.folder.remove(file).catch(() => undefined);
  }

  /** Removes what an earlier process left of databases that are dropped. Other files of the folder are left alone. */
  async sweep(records: readonly ReplayRecord[]): Promise<void> {
    const dropped = new Set(records.filter(({ droppedAt }) => droppedAt !== null).map(({ plan }) => plan.file));
    if (dropped.size === 0) return;
    // A folder that cannot be read now is swept at a later start.
    for (const file of await this.#parts.folder.names().catch(() => []))
      if (dropped.has(file)) await this.discard(file);
  }

  /** The exports that have not ended and read from the replay. */
  async #readersOf(replayId: string): Promise<readonly string[]> {
    const unfinished = await this.#parts.exports.unfinished();
    return unfinished
      .filter(record => isFromReplay(record) && record.plan.parameters.fromReplay === replayId)
      .map(({ requestId }) => requestId);
  }

  async #afterClose(file: string): Promise<void> {
    await this.#closed.get(file);
    this.#closed.delete(file);
  }
}

/** False for the error of a database that an export reads from. */
function unlessInUse(error: unknown): false {
  if (codeOf(error) === 'REQUEST_UNFINISHED') return false;
  throw error;
}

/** Returns the record of a replay that exports may read from. */
function readableReplay(replayId: string, record: ReplayRecord | null): ReplayRecord {
  if (record === null) throw unknownReplay(replayId);
  if (!isEnded(record.state)) throw unfinishedReplay(record);
  if (record.state !== 'completed') {
    const why = `from_replay is ${JSON.stringify(replayId)}, a replay that is ${record.state}`;
    throw new TidemarkError('REQUEST_ENDED', `${why}; allowed is the id of a completed one`);
  }
  if (record.droppedAt !== null) throw goneReplay(replayId, record.plan.file);
  return record;
}

function unknownReplay(replayId: string): TidemarkError {
  return new TidemarkError('REQUEST_UNKNOWN', `there is no replay with request id ${JSON.stringify(replayId)}`);
}

function unfinishedReplay({ requestId, state }: ReplayRecord): TidemarkError {
  const problem = `the replay ${JSON.stringify(requestId)} is ${state}`;
  return new TidemarkError('REQUEST_UNFINISHED', `${problem}; its database can be used when it is completed`);
}

function goneReplay(replayId: string, file: string): TidemarkError {
  const problem = `the database ${file} of replay ${JSON.stringify(replayId)} was dropped`;
  return new TidemarkError('FILE_GONE', `${problem}; ask for the replay again, with a new id`);
}
