import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Snapshot, SnapshotReader, StoredPosition, WrittenRows } from '../../pipeline/ports.ts';
import type { FileKind, Layout, Selection } from '../../pipeline/selection.ts';
import { Turns } from '../../pipeline/turns.ts';
import { isPicked, selected } from '../../schemas/exports.ts';
import { fillSql, quoteText, readSql } from '../../schemas/sql.ts';
import { planCsv } from './csv-query.ts';
import type { Database } from './database.ts';
import type { FilePlan } from './file-plan.ts';
import { planJson } from './json-query.ts';
import { readPartitions } from './partitions.ts';
import { Pipe } from './pipe.ts';
import { readSchemaIds } from './schema-ids.ts';
import { SelectedIds } from './selected-ids.ts';

export interface SnapshotOptions {
  readonly maxExtensionColumns: number;
}

/**
 * A query that writes to a pipe holds a thread of libuv's pool (4 by default) until all is read, and the files it is
 * read into need threads too: with as many queries as threads nothing would move. And all share one memory limit.
 */
const snapshotsAtOnce = 2;

/**
 * Reads exports from one transaction each, so that all files of an export see the same tables. A few may be open at
 * once; whoever asks for more waits in line until one is closed.
 */
export class DuckDbSnapshots implements SnapshotReader {
  readonly #database: Database;
  readonly #options: SnapshotOptions;
  readonly #turns = new Turns(snapshotsAtOnce);

  constructor(database: Database, options: SnapshotOptions) {
    this.#database = database;
    this.#options = options;
  }

  async snapshot(selection: Selection, layout: Layout): Promise<Snapshot> {
    const endTurn = await this.#turns.take();
    try {
      return await this.#open(selection, layout, endTurn);
    } catch (error) {
      endTurn();
      throw error;
    }
  }

  /** The ids of a selection, in their turn with snapshots: they hold memory and threads as these do. */
  async ids(selection: Selection): Promise<SelectedIds> {
    const endTurn = await this.#turns.take();
    try {
      return new SelectedIds(await this.#database.connect(), selection, endTurn);
    } catch (error) {
      endTurn();
      throw error;
    }
  }

  async #open(selection: Selection, layout: Layout, endTurn: () => void): Promise<Snapshot> {
    const connection = await openSelection(this.#database, selection);
    try {
      const positions = await readPartitions(connection);
      const lostRecords = await countRows(
        connection,
        'SELECT coalesce(sum(to_offset - from_offset), 0) FROM lost_records',
      );
      const schemaIds = await readSchemaIds(connection);
      // One partition cannot split a service.
      const splitSql = fillSql(readSql('exports/split.sql'), { is_picked: isPicked });
      const splitServices = positions.length < 2 ? 0 : await countRows(connection, splitSql);
      const pipePath = join(this.#database.stagingFolder, `${randomUUID()}.fifo`);
      return new DuckDbSnapshot({
        connection,
        selection,
        layout,
        positions,
        schemaIds,
        splitServices,
        lostRecords,
        pipePath,
        endTurn,
        ...this.#options,
      });
    } catch (error) {
      connection.closeSync();
      throw error;
    }
  }
}

/** Begins a transaction whose table `picked` holds the selected services in file order; whoever asks closes it. */
export async function openSelection(database: Database, selection: Selection): Promise<DuckDBConnection> {
  const connection = await database.connect();
  try {
    await connection.run('BEGIN TRANSACTION');
    await connection.run('SET VARIABLE time_from = $1::BIGINT', [BigInt(selection.timeFrom)]);
    await connection.run('SET VARIABLE time_to = $1::BIGINT', [BigInt(selection.timeTo)]);
    await connection.run(fillSql(readSql('exports/pick.sql'), { selected: selected(selection) }));
    return connection;
  } catch (error) {
    connection.closeSync();
    throw error;
  }
}

interface SnapshotParts extends SnapshotOptions {
  readonly connection: DuckDBConnection;
  readonly selection: Selection;
  readonly layout: Layout;
  readonly positions: readonly StoredPosition[];
  readonly schemaIds: readonly number[];
  readonly splitServices: number;
  readonly lostRecords: number;
  readonly pipePath: string;
  endTurn(): void;
}

async function countRows(connection: DuckDBConnection, sql: string): Promise<number> {
  const reader = await connection.runAndReadAll(sql);
  return Number(reader.value(0, 0));
}

class DuckDbSnapshot implements Snapshot {
  readonly positions: readonly StoredPosition[];
  readonly schemaIds: readonly number[];
  readonly splitServices: number;
  readonly lostRecords: number;
  readonly #parts: SnapshotParts;

  constructor(parts: SnapshotParts) {
    this.positions = parts.positions;
    this.schemaIds = parts.schemaIds;
    this.splitServices = parts.splitServices;
    this.lostRecords = parts.lostRecords;
    this.#parts = parts;
  }

  async write(kind: FileKind, sink: (bytes: Uint8Array) => Promise<void>): Promise<WrittenRows> {
    const { connection, selection, layout, maxExtensionColumns, pipePath } = this.#parts;
    const plan =
      layout.format === 'csv'
        ? await planCsv({ connection, selection, layout, kind, maxExtensionColumns })
        : planJson({ connection, selection, format: layout.format, scratchPath: pipePath });
    try {
      return await this.#carry(plan, sink);
    } finally {
      plan.release();
    }
  }

  async #carry(plan: FilePlan, sink: (bytes: Uint8Array) => Promise<void>): Promise<WrittenRows> {
    const { head, tail, transform, columns, valuesLeftOut } = plan;
    if (head !== '') await sink(Buffer.from(head));
    const pipe = await Pipe.open(this.#parts.pipePath);
    const take = transform === null ? sink : (bytes: Uint8Array) => sink(transform.take(bytes));
    const lines = await pipe.carry(() => this.#copy(plan, pipe.path), take);
    if (transform !== null) await sink(transform.end());
    if (tail !== '') await sink(Buffer.from(tail));
    return { rows: transform === null ? lines : transform.rows, columns, valuesLeftOut };
  }

  interrupt(): void {
    this.#parts.connection.interrupt();
  }

  async close(): Promise<void> {
    const { connection, endTurn } = this.#parts;
    await connection.run('ROLLBACK').catch(() => undefined);
    connection.closeSync();
    endTurn();
  }

  async #copy({ query, copyOptions }: FilePlan, path: string): Promise<number> {
    const options = `FORMAT csv, HEADER false, USE_TMP_FILE false, ${copyOptions}`;
    const copied = await this.#parts.connection.runAndReadAll(
      `COPY (${await query()}) TO ${quoteText(path)} (${options})`,
    );
    return Number(copied.value(0, 0));
  }
}
