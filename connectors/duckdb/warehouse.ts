import type { DuckDBConnection } from '@duckdb/node-api';
import type { FoldedBatch, StoredPosition, Warehouse } from '../../pipeline/ports.ts';
import { entityTables } from '../../schemas/columns.ts';
import { type Entity, entities } from '../../schemas/events.ts';
import { entityPlaces, fillSql, readSql } from '../../schemas/sql.ts';
import type { Database } from './database.ts';
import { Membership } from './membership.ts';
import { advance, type KnownPartition, nameOf, newPartition, readPartitions, savePartition } from './partitions.ts';
import { type StagedBatch, type StagedFile, stageBatch } from './staging.ts';

/** Late fragments beyond this many are settled into their rows, so that reading stays cheap. */
const settleAfter = 100_000;

const placesOf = {
  service: entityPlaces(entityTables.service),
  state: entityPlaces(entityTables.state),
  task: entityPlaces(entityTables.task),
};

/** Writes folded batches into DuckDB, exactly once: rows, quarantine and offsets in one transaction. */
export class DuckDbWarehouse implements Warehouse {
  readonly #connection: DuckDBConnection;
  readonly #stagingFolder: string;
  readonly #membership: Membership;
  readonly #partitions = new Map<string, KnownPartition>();
  #lastBatch = 0;

  private constructor(connection: DuckDBConnection, stagingFolder: string, membership: Membership) {
    this.#connection = connection;
    this.#stagingFolder = stagingFolder;
    this.#membership = membership;
  }

  static async open(database: Database): Promise<DuckDbWarehouse> {
    const connection = await database.connect();
    const warehouse = new DuckDbWarehouse(connection, database.stagingFolder, await readMembership(connection));
    for (const known of await readPartitions(connection)) {
      warehouse.#partitions.set(nameOf(known.partition), known);
      warehouse.#lastBatch = Math.max(warehouse.#lastBatch, known.batch);
    }
    return warehouse;
  }

  positions(): readonly StoredPosition[] {
    return [...this.#partitions.values()];
  }

  async store(batch: FoldedBatch): Promise<void> {
    const known = this.#partitions.get(nameOf(batch.partition)) ?? newPartition(batch, this.#partitions.size);
    if (batch.next.nextOffset <= known.nextOffset) {
      throw new Error(`batch up to offset ${batch.next.nextOffset} of ${nameOf(batch.partition)} is already stored`);
    }
    const staged = await stageBatch(batch, this.#membership, this.#stagingFolder);
    const number = this.#lastBatch + 1;
    const next = advance(known, batch, number);
    await this.#connection.run('BEGIN TRANSACTION');
    try {
      await this.#connection.run(batchSql(staged, number, known.source));
      await savePartition(this.#connection, next);
      await this.#connection.run('COMMIT');
    } catch (error) {
      await this.#connection.run('ROLLBACK').catch(() => undefined);
      throw error;
    }
    this.#lastBatch = number;
    this.#partitions.set(nameOf(batch.partition), next);
    const { service, state, task } = staged.rows;
    if (service.seen + state.seen + task.seen + staged.deleted.rows > 0) await this.#settleWhenDue();
  }

  /** Folds late fragments into their rows and drops deleted ones. What readers see stays the same. */
  async settle(): Promise<void> {
    const template = readSql('tables/settle.sql');
    const statements = entities.map(entity => fillSql(template, placesOf[entity]));
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
  const keys = tables.map(table => `SELECT row_key FROM ${table}`).join(' UNION ALL ');
  const count = await connection.runAndReadAll(`SELECT count(*) FROM (${keys})`);
  const membership = new Membership(Number(count.value(0, 0)));
  const result = await connection.stream(keys);
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (const key of chunk.getColumnValues(0)) membership.add(Number(key));
  }
  return membership;
}

/** All statements of one batch; deletions come first, because what a batch holds of a deleted service came after. */
function batchSql(staged: StagedBatch, batch: number, source: number): string {
  const deletions = staged.deleted.rows === 0 ? [] : deletionSql(staged.deleted, batch);
  const rows = entities
    .filter(entity => staged.rows[entity].rows > 0)
    .map(entity => rowsSql(staged, entity, batch, source));
  const quarantine = staged.quarantined.rows === 0 ? [] : [filled('tables/quarantine.sql', staged.quarantined, {})];
  return [...deletions, ...rows, ...quarantine].join('\n');
}

function deletionSql(deleted: StagedFile, batch: number): string[] {
  const each = entities.map(entity => fillSql(template('tables/delete_services.sql'), placesOf[entity]));
  return [filled('tables/stage_deletions.sql', deleted, { batch }), ...each];
}

function rowsSql(staged: StagedBatch, entity: Entity, batch: number, source: number): string {
  const file = staged.rows[entity];
  const values = { ...placesOf[entity], batch, source };
  const store = filled('tables/store_batch.sql', file, values);
  return file.seen === 0 ? store : `${store}\n${fillSql(template('tables/store_seen.sql'), values)}`;
}

function filled(file: string, staged: StagedFile, values: Readonly<Record<string, string | number>>): string {
  return fillSql(template(file), { ...values, path: staged.path.replaceAll("'", "''"), longest: staged.longest });
}

const templates = new Map<string, string>();

function template(file: string): string {
  const known = templates.get(file) ?? readSql(file);
  templates.set(file, known);
  return known;
}
