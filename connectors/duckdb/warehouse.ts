import type { DuckDBConnection } from '@duckdb/node-api';
import type { BatchFacts, FoldedBatch, Warehouse } from '../../pipeline/ingest/warehouse.ts';
import { partitionName } from '../../pipeline/partition.ts';
import { entityTables } from '../../schemas/columns.ts';
import { entities } from '../../schemas/events/events.ts';
import type { Database } from './file/database.ts';
import { databaseFailure, raisedMemory } from './file/failure.ts';
import { filledSql } from './store/filled-sql.ts';
import {
  advance,
  appendPartition,
  checkFollows,
  type KnownPartition,
  newPartition,
  readPartitions,
  saveLostRecords,
} from './store/partitions.ts';
import { SavedSchemaIds } from './store/schema-ids.ts';
import { SeenKeys } from './store/seen-keys.ts';
import { type StagedBatch, stageBatch } from './store/staging.ts';
import { Upkeep } from './store/upkeep.ts';
import { appendChunks } from './vectors/row-chunks.ts';

/** Writes folded batches into DuckDB, exactly once: rows, quarantine and offsets in one transaction. */
export class DuckDbWarehouse implements Warehouse {
  readonly #connection: DuckDBConnection;
  readonly #seenKeys: SeenKeys;
  readonly upkeep: Upkeep;
  readonly #memoryLimit: string;
  readonly #partitions = new Map<string, KnownPartition>();
  /** The short names of partitions, given out as batches come, so that one can be laid out before the other is stored. */
  readonly #sources = new Map<string, number>();
  readonly #schemaIds = new SavedSchemaIds();
  #lastStaged = 0;
  #turn: Promise<void> = Promise.resolve();

  private constructor(connection: DuckDBConnection, seenKeys: SeenKeys, upkeep: Upkeep, memoryLimit: string) {
    this.#connection = connection;
    this.#seenKeys = seenKeys;
    this.upkeep = upkeep;
    this.#memoryLimit = memoryLimit;
  }

  static async open(database: Database): Promise<DuckDbWarehouse> {
    const connection = await database.connect();
    const seenKeys = await readSeenKeys(connection);
    const warehouse = new DuckDbWarehouse(connection, seenKeys, await Upkeep.open(connection), database.memoryLimit);
    for (const known of await readPartitions(connection)) {
      warehouse.#partitions.set(partitionName(known.partition), known);
      warehouse.#sources.set(partitionName(known.partition), known.source);
      warehouse.#lastStaged = Math.max(warehouse.#lastStaged, known.batch);
    }
    return warehouse;
  }

  positions(): readonly KnownPartition[] {
    return [...this.#partitions.values()];
  }

  /** Lays the batch out at once, beside the one before it, and writes it when that one is stored. */
  store(batch: FoldedBatch): Promise<void> {
    this.#lastStaged += 1;
    // What waits for its turn keeps these and no more of the batch.
    const { facts } = batch;
    const mark = { number: this.#lastStaged, source: this.#sourceOf(facts) };
    const staged = stageBatch(batch, mark, this.#seenKeys);
    const stored = this.#turn
      .then(() => this.#storeStaged(facts, staged))
      .catch(error => {
        throw databaseFailure(error, `store a batch of ${facts.origin}`, raisedMemory(this.#memoryLimit)) ?? error;
      });
    this.#turn = stored;
    stored.catch(() => this.#beginAnew(stored));
    return stored;
  }

  /**
   * What stands in line behind a batch that failed fails with it: of a partition that is not known yet, nothing else would
   * tell that the batch before was never stored. What comes once the line is empty is stored again.
   */
  #beginAnew(last: Promise<void>): void {
    if (this.#turn === last) this.#turn = Promise.resolve();
  }

  #sourceOf({ partition }: BatchFacts): number {
    const name = partitionName(partition);
    const source = this.#sources.get(name) ?? Math.max(-1, ...this.#sources.values()) + 1;
    this.#sources.set(name, source);
    return source;
  }

  async #storeStaged(batch: BatchFacts, staged: StagedBatch): Promise<void> {
    const name = partitionName(batch.partition);
    const known = this.#partitions.get(name) ?? newPartition(batch, staged.source);
    checkFollows(batch, known);
    const next = advance(known, batch, staged.number);
    try {
      await this.#begin(staged);
      await this.#append(staged);
      await appendPartition(this.#connection, next);
      await this.#schemaIds.save(this.#connection, batch);
      if (batch.lost !== null) await saveLostRecords(this.#connection, batch.partition, batch.lost);
      await this.#mergeSeenAndCommit(staged);
    } catch (error) {
      await this.#connection.run('ROLLBACK').catch(() => undefined);
      throw error;
    }
    this.#partitions.set(name, next);
    this.#schemaIds.note(batch);
    await this.upkeep.after(staged);
  }

  /** Deletions come first, because what a batch holds of a deleted service came after. */
  async #begin({ number, source, rows, deletions }: StagedBatch): Promise<void> {
    const seen = entities.filter(entity => rows[entity].seenCount > 0);
    await this.#connection.run(
      [
        'BEGIN TRANSACTION;',
        // This comes first, for rows are found by their rowids later; see steady-rowids.ts.
        `DELETE FROM partitions WHERE source = ${source};`,
        ...seen.map(entity => filledSql('stage_seen', entity)),
      ].join('\n'),
    );
    if (deletions.length === 0) return;
    await appendChunks(this.#connection, 'deletions', deletions);
    const statements = entities.map(entity => filledSql('delete_services', entity));
    await this.#connection.run([`SET VARIABLE batch = ${number};`, ...statements].join('\n'));
  }

  async #append({ rows, quarantined }: StagedBatch): Promise<void> {
    for (const entity of entities) {
      const { table } = entityTables[entity];
      const { open, closed, seen } = rows[entity];
      await appendChunks(this.#connection, `${table}_open`, open);
      await appendChunks(this.#connection, `${table}_closed`, closed);
      await appendChunks(this.#connection, `seen_${table}`, seen);
    }
    await appendChunks(this.#connection, 'quarantine', quarantined);
  }

  /** One call for all of it: between two, DuckDB would wait until this thread has folded what comes next. */
  async #mergeSeenAndCommit({ rows }: StagedBatch): Promise<void> {
    const seen = entities.filter(entity => rows[entity].seenCount > 0);
    await this.#connection.run([...seen.map(entity => filledSql('store_seen', entity)), 'COMMIT;'].join('\n'));
  }

  close(): void {
    this.#connection.closeSync();
  }
}

async function readSeenKeys(connection: DuckDBConnection): Promise<SeenKeys> {
  const tables = entities.flatMap(entity =>
    ['open', 'closed', 'late'].map(part => `${entityTables[entity].table}_${part}`),
  );
  // Row keys fit into a double, which is read far faster than a 64-bit integer.
  const keys = tables.map(table => `SELECT row_key::DOUBLE FROM ${table}`).join(' UNION ALL ');
  const count = await connection.runAndReadAll(`SELECT count(*) FROM (${keys})`);
  const seenKeys = new SeenKeys(Number(count.value(0, 0)));
  const result = await connection.stream(keys);
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (const key of chunk.getColumnValues(0)) seenKeys.add(Number(key));
  }
  return seenKeys;
}
