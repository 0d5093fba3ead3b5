import type { DuckDBConnection } from '@duckdb/node-api';
import type { FoldedBatch, Warehouse } from '../../pipeline/ports.ts';
import { entityTables } from '../../schemas/columns.ts';
import { type Entity, entities } from '../../schemas/events.ts';
import { entityPlaces, fillSql, readSql } from '../../schemas/sql.ts';
import type { Database } from './database.ts';
import { databaseFailure } from './failure.ts';
import { Membership } from './membership.ts';
import {
  advance,
  checkFollows,
  type KnownPartition,
  nameOf,
  newPartition,
  readPartitions,
  saveLostRecords,
  savePartition,
} from './partitions.ts';
import { saveSchemaIds } from './schema-ids.ts';
import { type StagedBatch, stageBatch } from './staging.ts';

/** Late fragments beyond this many are settled into their rows, so that reading stays cheap. */
const settleAfter = 100_000;

/** Writes folded batches into DuckDB, exactly once: rows, quarantine and offsets in one transaction. */
export class DuckDbWarehouse implements Warehouse {
  readonly #connection: DuckDBConnection;
  readonly #membership: Membership;
  readonly #partitions = new Map<string, KnownPartition>();
  #lastBatch = 0;

  private constructor(connection: DuckDBConnection, membership: Membership) {
    this.#connection = connection;
    this.#membership = membership;
  }

  static async open(database: Database): Promise<DuckDbWarehouse> {
    const connection = await database.connect();
    const warehouse = new DuckDbWarehouse(connection, await readMembership(connection));
    for (const known of await readPartitions(connection)) {
      warehouse.#partitions.set(nameOf(known.partition), known);
      warehouse.#lastBatch = Math.max(warehouse.#lastBatch, known.batch);
    }
    return warehouse;
  }

  positions(): readonly KnownPartition[] {
    return [...this.#partitions.values()];
  }

  async store(batch: FoldedBatch): Promise<void> {
    const known = this.#partitions.get(nameOf(batch.partition)) ?? newPartition(batch, this.#partitions.size);
    checkFollows(batch, known);
    const staged = stageBatch(batch, this.#membership);
    const number = this.#lastBatch + 1;
    const next = advance(known, batch, number);
    await this.#connection.run('BEGIN TRANSACTION');
    try {
      await this.#storeStaged(staged, next);
      await savePartition(this.#connection, next);
      await saveSchemaIds(this.#connection, batch);
      if (batch.lost !== null) await saveLostRecords(this.#connection, batch.partition, batch.lost);
      await this.#connection.run('COMMIT');
    } catch (error) {
      await this.#connection.run('ROLLBACK').catch(() => undefined);
      throw databaseFailure(error, `store a batch of ${batch.origin}`) ?? error;
    }
    this.#lastBatch = number;
    this.#partitions.set(nameOf(batch.partition), next);
    const { service, state, task } = staged.rows;
    if (service.seen + state.seen + task.seen + staged.deleted.rows > 0) await this.#settleWhenDue();
  }

  /** Deletions come first, because what a batch holds of a deleted service came after. */
  async #storeStaged({ rows, deleted, quarantined }: StagedBatch, { batch, source }: KnownPartition): Promise<void> {
    const connection = this.#connection;
    await connection.run('SET VARIABLE batch = $1', [BigInt(batch)]);
    await connection.run('SET VARIABLE source = $1', [source]);
    if (deleted.rows > 0) {
      await deleted.write(connection);
      await connection.run('INSERT INTO deletions SELECT service_key::BIGINT, service_id, $1 FROM deleted', [
        BigInt(batch),
      ]);
      for (const entity of entities) await connection.run(sqlOf('delete_services', entity));
    }
    for (const entity of entities) {
      const { table, fresh, seen } = rows[entity];
      if (table.rows > 0) await table.write(connection);
      if (fresh.closed > 0) await connection.run(sqlOf('store_fresh_closed', entity));
      if (fresh.open > 0) await connection.run(sqlOf('store_fresh_open', entity));
      if (seen > 0) await connection.run(sqlOf('store_seen', entity));
    }
    if (quarantined.rows === 0) return;
    await quarantined.write(connection);
    await connection.run(readSql('tables/quarantine.sql'));
  }

  /** Folds late fragments into their rows and drops deleted ones. What readers see stays the same. */
  async settle(): Promise<void> {
    const statements = entities.map(entity => sqlOf('settle', entity));
    await this.#connection.run(['BEGIN;', ...statements, 'DELETE FROM deletions;', 'COMMIT;'].join('\n'));
  }

  close(): void {
    this.#connection.closeSync();
  }

  /** Rows said of perhaps-seen services may have landed in `late`: too many of them make reading dear. */
  async #settleWhenDue(): Promise<void> {
    const counts = entities.map(entity => `(SELECT count(*) FROM ${entityTables[entity].table}_late)`).join(' + ');
    const reader = await this.#connection.runAndReadAll(`SELECT ${counts} + (SELECT count(*) FROM deletions)`);
    if (Number(reader.value(0, 0)) > settleAfter) await this.settle();
  }
}

async function readMembership(connection: DuckDBConnection): Promise<Membership> {
  const tables = entities.flatMap(entity =>
    ['open', 'closed', 'late'].map(part => `${entityTables[entity].table}_${part}`),
  );
  // Row keys fit into a double, which is read far faster than a 64-bit integer.
  const keys = tables.map(table => `SELECT row_key::DOUBLE FROM ${table}`).join(' UNION ALL ');
  const count = await connection.runAndReadAll(`SELECT count(*) FROM (${keys})`);
  const membership = new Membership(Number(count.value(0, 0)));
  const result = await connection.stream(keys);
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (const key of chunk.getColumnValues(0)) membership.add(Number(key));
  }
  return membership;
}

const filled = new Map<string, string>();

/** A template of `schemas/tables` filled for an entity; each is read and filled once. */
function sqlOf(name: string, entity: Entity): string {
  const known = filled.get(`${name} ${entity}`);
  if (known !== undefined) return known;
  const sql = fillSql(readSql(`tables/${name}.sql`), entityPlaces(entityTables[entity]));
  filled.set(`${name} ${entity}`, sql);
  return sql;
}
