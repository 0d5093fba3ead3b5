import type { DuckDBConnection } from '@duckdb/node-api';
import type { BatchFacts, FoldedBatch, Warehouse } from '../../pipeline/ingest/warehouse.ts';
import { partitionName } from '../../pipeline/partition.ts';
import { entityTables } from '../../schemas/columns.ts';
import { entities } from '../../schemas/events/events.ts';
import { entitySql } from '../../schemas/tables/sql.ts';
import type { Database } from './file/database.ts';
import { adviceForStoring, databaseFailure } from './file/failure.ts';
import { readNumber } from './file/read-number.ts';
import { TableMaintenance } from './store/maintenance.ts';
import {
  advancePartition,
  appendPartition,
  checkBatchFollows,
  newPartition,
  type PartitionRow,
  readPartitions,
  saveLostRecords,
} from './store/partitions.ts';
import { SavedSchemaIds } from './store/schema-ids.ts';
import { SeenKeys } from './store/seen-keys.ts';
import { type StagedBatch, stageBatch } from './store/staging.ts';
import { appendChunks } from './vectors/row-chunks.ts';

/** Stores folded batches exactly once: rows, quarantined records and position in one transaction (contract 2.10). */
export class DuckDbWarehouse implements Warehouse {
  readonly #connection: DuckDBConnection;
  readonly #seenKeys: SeenKeys;
  readonly maintenance: TableMaintenance;
  readonly #memoryLimit: string;
  readonly #partitions = new Map<string, PartitionRow>();
  /** The numbers of partitions, assigned when a batch is staged, because the batch before it may not be stored yet. */
  readonly #sources = new Map<string, number>();
  readonly #schemaIds = new SavedSchemaIds();
  #lastStaged = 0;
  #lastStore: Promise<void> = Promise.resolve();

  private constructor(
    connection: DuckDBConnection,
    seenKeys: SeenKeys,
    maintenance: TableMaintenance,
    memoryLimit: string,
  ) {
    this.#connection = connection;
    this.#seenKeys = seenKeys;
    this.maintenance = maintenance;
    this.#memoryLimit = memoryLimit;
  }

  static async open(database: Database): Promise<DuckDbWarehouse> {
    const connection = await database.connect();
    const seenKeys = await readSeenKeys(connection);
    const maintenance = await TableMaintenance.open(connection);
    const warehouse = new DuckDbWarehouse(connection, seenKeys, maintenance, database.memoryLimit);
    for (const row of await readPartitions(connection)) {
      warehouse.#partitions.set(partitionName(row.partition), row);
      warehouse.#sources.set(partitionName(row.partition), row.source);
      warehouse.#lastStaged = Math.max(warehouse.#lastStaged, row.batch);
    }
    return warehouse;
  }

  positions(): readonly PartitionRow[] {
    return [...this.#partitions.values()];
  }

  /** Stages the batch at once, while an earlier one may still be stored, and stores it after that one. */
  store(batch: FoldedBatch): Promise<void> {
    this.#lastStaged += 1;
    // The closures below must not hold the batch: its fragments are freed while its staged rows wait.
    const { facts } = batch;
    const origin = { number: this.#lastStaged, source: this.#sourceOf(facts) };
    const staged = stageBatch(batch, origin, this.#seenKeys);
    const stored = this.#lastStore
      .then(() => this.#storeStaged(facts, staged))
      .catch(error => {
        throw databaseFailure(error, `store a batch of ${facts.origin}`, adviceForStoring(this.#memoryLimit)) ?? error;
      });
    this.#lastStore = stored;
    stored.catch(() => this.#forgetFailure(stored));
    return stored;
  }

  /**
   * When a batch fails, those queued behind it fail too; otherwise a new partition's second batch would be taken for
   * its first. A batch that comes after the last queued one has failed is stored as usual.
   */
  #forgetFailure(last: Promise<void>): void {
    if (this.#lastStore === last) this.#lastStore = Promise.resolve();
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
    checkBatchFollows(batch, known);
    const next = advancePartition(known, batch, staged.number);
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
    this.#schemaIds.markSaved(batch);
    await this.maintenance.runAfter(staged);
  }

  /** Deletes first: the batch's fragments of a deleted service come from events after its deletion. */
  async #begin({ number, source, rows, deletions }: StagedBatch): Promise<void> {
    const seen = entities.filter(entity => rows[entity].seenCount > 0);
    await this.#connection.run(
      [
        'BEGIN TRANSACTION;',
        // First, because a transaction that deletes has steady rowids (steady-rowids.ts), which merging rows needs.
        `DELETE FROM partitions WHERE source = ${source};`,
        ...seen.map(entity => entitySql('create_seen', entity)),
      ].join('\n'),
    );
    if (deletions.length === 0) return;
    await appendChunks(this.#connection, 'deletions', deletions);
    const statements = entities.map(entity => entitySql('delete_services', entity));
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

  /** One call: between two calls, DuckDB would wait until JavaScript's thread has folded the next batch. */
  async #mergeSeenAndCommit({ rows }: StagedBatch): Promise<void> {
    const seen = entities.filter(entity => rows[entity].seenCount > 0);
    await this.#connection.run([...seen.map(entity => entitySql('merge_seen', entity)), 'COMMIT;'].join('\n'));
  }

  close(): void {
    this.#connection.closeSync();
  }
}

async function readSeenKeys(connection: DuckDBConnection): Promise<SeenKeys> {
  const tables = entities.flatMap(entity =>
    ['open', 'closed', 'late'].map(part => `${entityTables[entity].table}_${part}`),
  );
  // A row key fits into a double, which the client reads much faster than a BIGINT.
  const keys = tables.map(table => `SELECT row_key::DOUBLE FROM ${table}`).join(' UNION ALL ');
  const seenKeys = new SeenKeys(await readNumber(connection, `SELECT count(*) FROM (${keys})`));
  const result = await connection.stream(keys);
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (const key of chunk.getColumnValues(0)) seenKeys.add(Number(key));
  }
  return seenKeys;
}
