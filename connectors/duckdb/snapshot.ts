import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Snapshot, SnapshotReader, StoredPosition, WrittenRows } from '../../pipeline/ports.ts';
import type { FileKind, Layout, Selection } from '../../pipeline/selection.ts';
import { selected } from '../../schemas/exports.ts';
import { fillSql, readSql } from '../../schemas/sql.ts';
import { planCsv } from './csv-query.ts';
import type { Database } from './database.ts';
import { planJson } from './json-query.ts';
import { readPartitions } from './partitions.ts';
import { Pipe } from './pipe.ts';

/** What one file is made of: text around the queries, and the queries whose output is the file, in order. */
export interface FilePlan {
  readonly head: string;
  readonly queries: readonly string[];
  readonly tail: string;
  /** Options of DuckDB's COPY. */
  readonly copyOptions: string;
  readonly columns: readonly string[];
  readonly valuesLeftOut: number;
}

export interface SnapshotOptions {
  readonly maxExtensionColumns: number;
}

/** Reads exports from one transaction each, so that all files of an export see the same tables. */
export class DuckDbSnapshots implements SnapshotReader {
  readonly #database: Database;
  readonly #options: SnapshotOptions;

  constructor(database: Database, options: SnapshotOptions) {
    this.#database = database;
    this.#options = options;
  }

  async snapshot(selection: Selection, layout: Layout): Promise<Snapshot> {
    const connection = await openSelection(this.#database, selection);
    try {
      const positions = await readPartitions(connection);
      // One partition cannot split a service.
      const splitServices = positions.length < 2 ? 0 : await countSplit(connection);
      const pipePath = join(this.#database.stagingFolder, `${randomUUID()}.fifo`);
      return new DuckDbSnapshot({
        connection,
        selection,
        layout,
        positions,
        splitServices,
        pipePath,
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
  readonly splitServices: number;
  readonly pipePath: string;
}

async function countSplit(connection: DuckDBConnection): Promise<number> {
  const reader = await connection.runAndReadAll(readSql('exports/split.sql'));
  return Number(reader.value(0, 0));
}

class DuckDbSnapshot implements Snapshot {
  readonly positions: readonly StoredPosition[];
  readonly splitServices: number;
  readonly #parts: SnapshotParts;

  constructor(parts: SnapshotParts) {
    this.positions = parts.positions;
    this.splitServices = parts.splitServices;
    this.#parts = parts;
  }

  async write(kind: FileKind, sink: (bytes: Uint8Array) => Promise<void>): Promise<WrittenRows> {
    const { connection, selection, layout, maxExtensionColumns, pipePath } = this.#parts;
    const plan =
      layout.format === 'csv'
        ? await planCsv({ connection, selection, layout, kind, maxExtensionColumns })
        : await planJson(connection, layout.format);
    if (plan.head !== '') await sink(Buffer.from(plan.head));
    const pipe = await Pipe.open(pipePath);
    const rows = await pipe.carry(() => this.#copy(plan, pipe.path), sink);
    if (plan.tail !== '') await sink(Buffer.from(plan.tail));
    return { rows, columns: plan.columns, valuesLeftOut: plan.valuesLeftOut };
  }

  async close(): Promise<void> {
    await this.#parts.connection.run('ROLLBACK').catch(() => undefined);
    this.#parts.connection.closeSync();
  }

  async #copy({ queries, copyOptions }: FilePlan, path: string): Promise<number> {
    let rows = 0;
    for (const query of queries) {
      const result = await this.#parts.connection.runAndReadAll(
        `COPY (${query}) TO '${path.replaceAll("'", "''")}' (FORMAT csv, HEADER false, USE_TMP_FILE false, ${copyOptions})`,
      );
      rows += Number(result.value(0, 0));
    }
    return rows;
  }
}
