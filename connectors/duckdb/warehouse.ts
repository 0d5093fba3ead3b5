import type { DuckDBConnection } from '@duckdb/node-api';
import type { BatchFacts } from '../../pipeline/completeness/batch-facts.ts';
import { withBatch } from '../../pipeline/completeness/changes.ts';
import type { WatchedWindow } from '../../pipeline/completeness/contradictions.ts';
import { type Lateness, positionsOf, type Sources } from '../../pipeline/completeness/sources.ts';
import type { Timeline } from '../../pipeline/completeness/timeline.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { FoldedBatch, SourcesChange, Warehouse } from '../../pipeline/ingest/warehouse.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { Clock, StoredPosition } from '../../pipeline/ports.ts';
import type { Database } from './file/database.ts';
import { adviceForStoring, databaseFailure } from './file/failure.ts';
import { defaultApartBytes, readApartRows } from './store/apart-rows.ts';
import { BatchTransaction } from './store/batch-transaction.ts';
import { ContradictionMarks } from './store/contradiction-marks.ts';
import { TableMaintenance } from './store/maintenance.ts';
import { SavedSchemaIds } from './store/schema-ids.ts';
import { readSeenKeys } from './store/seen-keys.ts';
import { SourceTable } from './store/source-table.ts';
import { joinStaged, type StagedBatch, type StoredKeys, stageBatch } from './store/staging.ts';

interface WarehouseOptions {
  readonly clock: Clock;
  readonly lateness: Lateness;
  /** A row's extensions are kept apart when storing them in the row has taken more bytes than this; tests set few. */
  readonly apartBytes?: number | undefined;
}

interface StoreParts extends WarehouseOptions {
  readonly keys: StoredKeys;
  readonly sources: SourceTable;
  readonly marks: ContradictionMarks;
  readonly memoryLimit: string;
}

/** A batch that waits until the batches before it are stored. Its fragments are freed meanwhile. */
interface QueuedBatch {
  readonly facts: BatchFacts;
  readonly timeline: Timeline;
  readonly staged: StagedBatch;
}

/** Stores folded batches exactly once: rows, quarantined records and position in one transaction (contract 2.10). */
export class DuckDbWarehouse implements Warehouse {
  readonly #connection: DuckDBConnection;
  readonly #parts: StoreParts;
  readonly #transaction: BatchTransaction;
  readonly maintenance: TableMaintenance;
  readonly #schemaIds = new SavedSchemaIds();
  #lastStaged: number;
  #lastWork: Promise<unknown> = Promise.resolve();
  /** Why a batch could not be stored; no other is stored until reading begins again. */
  #failure: { readonly error: unknown } | null = null;
  #isClosed = false;

  private constructor(connection: DuckDBConnection, parts: StoreParts, maintenance: TableMaintenance) {
    this.#connection = connection;
    this.#transaction = new BatchTransaction(connection);
    this.#parts = parts;
    this.maintenance = maintenance;
    this.#lastStaged = parts.sources.lastBatch;
  }

  static async open(database: Database, options: WarehouseOptions): Promise<DuckDbWarehouse> {
    const connection = await database.connect();
    const parts = {
      ...options,
      keys: {
        seenKeys: await readSeenKeys(connection),
        apartRows: await readApartRows(connection, options.apartBytes ?? defaultApartBytes),
      },
      sources: await SourceTable.open(connection),
      marks: await ContradictionMarks.open(connection),
      memoryLimit: database.memoryLimit,
    };
    return new DuckDbWarehouse(connection, parts, await TableMaintenance.open(connection));
  }

  positions(): readonly StoredPosition[] {
    return positionsOf(this.sources());
  }

  beginReading(): readonly StoredPosition[] {
    this.#failure = null;
    return this.positions();
  }

  sources(): Sources {
    return this.#parts.sources.sources;
  }

  note(change: SourcesChange): void {
    this.#parts.sources.note(change);
  }

  record(change: SourcesChange): Promise<void> {
    return this.#inTurn('record the state of the sources', async () => {
      const write = this.#parts.sources.prepareAll(change);
      await this.#transaction.run(async () => {
        await this.#connection.run(`BEGIN TRANSACTION; ${write.deleteSql}`);
        await write.append(this.#connection);
        await this.#connection.run('COMMIT');
      });
      write.committed();
    });
  }

  watch(window: WatchedWindow): void {
    this.#parts.marks.watch(window);
  }

  unwatch(requestId: string): void {
    this.#parts.marks.unwatch(requestId);
  }

  /** Stages the batches at once, while earlier ones may still be stored, and stores them after those. */
  store(...batches: readonly FoldedBatch[]): Promise<readonly string[]> {
    const origins = [...new Set(batches.map(({ facts }) => facts.origin))];
    return this.#inTurn(`store a batch of ${origins.join(', ')}`, this.#stageAll(batches));
  }

  /** Stages now; the function that it returns stores. */
  #stageAll(batches: readonly FoldedBatch[]): () => Promise<readonly string[]> {
    if (this.#failure === null) {
      try {
        const queued = batches.map(batch => this.#stage(batch));
        return () => this.#unlessFailed(queued);
      } catch (error) {
        this.#failure = { error };
      }
    }
    const { error } = this.#failure;
    return () => Promise.reject(error);
  }

  async #unlessFailed(queued: readonly QueuedBatch[]): Promise<readonly string[]> {
    if (this.#failure !== null) throw this.#failure.error;
    try {
      return await this.#storeStaged(queued);
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  #stage(batch: FoldedBatch): QueuedBatch {
    const { sources, keys } = this.#parts;
    this.#lastStaged += 1;
    const { facts, timeline } = batch;
    const { log } = sources.numbersOf(facts.partition, facts.kind);
    return { facts, timeline, staged: stageBatch(batch, { number: this.#lastStaged, log }, keys) };
  }

  /** Runs work after all earlier work, whether that failed or not. */
  #inTurn<T>(attempt: string, work: () => Promise<T>): Promise<T> {
    if (this.#isClosed)
      return Promise.reject(new TidemarkError('INTERRUPTED', 'the database is closed: this process is stopping'));
    const done = this.#lastWork.then(work).catch(error => {
      throw databaseFailure(error, attempt, adviceForStoring(this.#parts.memoryLimit)) ?? error;
    });
    this.#lastWork = done.catch(() => undefined);
    return done;
  }

  async #storeStaged(queued: readonly QueuedBatch[]): Promise<readonly string[]> {
    const { sources, marks, lateness } = this.#parts;
    for (const { facts } of queued) checkBatchFollows(facts, sources.sources);
    const written = queued.map(({ facts, staged: { number } }) => ({ name: partitionName(facts.partition), number }));
    const change: SourcesChange = known => queued.reduce((next, { facts }) => withBatch(next, facts, lateness), known);
    const write = sources.prepareBatches(change, written);
    const staged = joinStaged(queued.map(batch => batch.staged));
    const marked = await this.#transaction.run(async () => {
      // The rows of sources are deleted first: a transaction that deletes has steady rowids (steady-rowids.ts), which merging needs.
      await this.#transaction.begin(staged, write.deleteSql);
      const found = await this.#mark(queued);
      await this.#transaction.delete(staged);
      await this.#transaction.append(staged);
      await write.append(this.#connection);
      for (const { facts } of queued) await this.#schemaIds.save(this.#connection, facts);
      await this.#transaction.mergeSeenAndCommit(staged);
      return found;
    });
    write.committed();
    for (const { facts } of queued) this.#schemaIds.markSaved(facts);
    await this.maintenance.runAfter(staged, this.#parts.keys.apartRows.takeWrittenAnew());
    await marks.compact(this.#connection);
    return [...marked];
  }

  /** Marks the exports that the batches contradict; returns their request ids. */
  async #mark(queued: readonly QueuedBatch[]): Promise<ReadonlySet<string>> {
    const { marks, clock } = this.#parts;
    const found = new Set<string>();
    for (const { facts, timeline, staged } of queued) {
      const { number, changes } = staged;
      const marked = await marks.mark(this.#connection, { facts, timeline, changes, number, at: clock.now() });
      for (const { requestId } of marked) found.add(requestId);
    }
    return found;
  }

  /**
   * Waits for all earlier calls, then closes the connection, as `Transactions.close` does. Later calls throw `INTERRUPTED`:
   * a look at the log may still be running when the service stops.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#lastWork;
    this.#connection.closeSync();
  }
}

/**
 * Checks that a batch begins at the stored position of its partition, or that the gap of lost records before it does.
 * Otherwise records would be applied twice or left out. Throws `STALE_BATCH`.
 */
function checkBatchFollows({ partition, from, next, lost }: BatchFacts, { partitions }: Sources): void {
  // The first batch of a partition may begin at any offset.
  const stored = partitions.get(partitionName(partition))?.nextOffset ?? lost?.from ?? from;
  const follows = lost === null ? from === stored : lost.from === stored && lost.to === from;
  if (follows && next.nextOffset >= from) return;
  throw new TidemarkError(
    'STALE_BATCH',
    `a batch [${from}, ${next.nextOffset}) of ${partitionName(partition)} was refused: the stored offset is ${stored}`,
  );
}
