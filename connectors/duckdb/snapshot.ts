import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { FileKind, Layout, Selection } from '../../pipeline/export/selection.ts';
import type { ByteSink, Snapshot, SnapshotReader, StoredPosition, WrittenRows } from '../../pipeline/ports.ts';
import { Semaphore } from '../../pipeline/requests/semaphore.ts';
import { quoteText } from '../../schemas/sql.ts';
import type { Database } from './file/database.ts';
import { databaseFailure, savedMemory } from './file/failure.ts';
import { planCsv } from './read/csv-query.ts';
import type { FilePlan } from './read/file-plan.ts';
import { planJson } from './read/json-query.ts';
import { Pipe } from './read/pipe.ts';
import { countSplit, type PlacedRows, placeRows, readNumber } from './read/placed-rows.ts';
import { SelectedIds } from './read/selected-ids.ts';
import { defaultSlicing, type Slicing } from './read/slices.ts';
import { readPartitions } from './store/partitions.ts';
import { readSchemaIds } from './store/schema-ids.ts';

interface SnapshotOptions {
  readonly maxExtensionColumns: number;
  /** How an export is cut; other sizes than the usual serve tests. */
  readonly slicing?: Slicing;
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
  readonly #semaphore = new Semaphore(snapshotsAtOnce);

  constructor(database: Database, options: SnapshotOptions) {
    this.#database = database;
    this.#options = options;
  }

  async snapshot(selection: Selection, layout: Layout): Promise<Snapshot> {
    const endTurn = await this.#semaphore.take();
    try {
      return await this.#open(selection, layout, endTurn);
    } catch (error) {
      endTurn();
      throw databaseFailure(error, 'find the services of the window', savedMemory(this.#database.memoryLimit)) ?? error;
    }
  }

  /** The ids of a selection, in their turn with snapshots: they hold memory and threads as these do. */
  async ids(selection: Selection): Promise<SelectedIds> {
    const endTurn = await this.#semaphore.take();
    try {
      const { memoryLimit } = this.#database;
      return new SelectedIds(await this.#database.connect(), { selection, memoryLimit, endTurn });
    } catch (error) {
      endTurn();
      throw error;
    }
  }

  async #open(selection: Selection, layout: Layout, endTurn: () => void): Promise<Snapshot> {
    const placed = await placeRows(this.#database, selection);
    const { connection } = placed;
    try {
      const positions = await readPartitions(connection);
      const lostRecords = await readNumber(
        connection,
        'SELECT coalesce(sum(to_offset - from_offset), 0) FROM lost_records',
      );
      const schemaIds = await readSchemaIds(connection);
      // One partition cannot split a service.
      const splitServices = positions.length < 2 ? 0 : await countSplit(placed);
      const pipePath = join(this.#database.stagingFolder, `${randomUUID()}.fifo`);
      return new DuckDbSnapshot({
        placed,
        memoryLimit: this.#database.memoryLimit,
        slicing: defaultSlicing,
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

interface SnapshotParts extends SnapshotOptions {
  readonly placed: PlacedRows;
  readonly memoryLimit: string;
  readonly slicing: Slicing;
  readonly layout: Layout;
  readonly positions: readonly StoredPosition[];
  readonly schemaIds: readonly number[];
  readonly splitServices: number;
  readonly lostRecords: number;
  readonly pipePath: string;
  endTurn(): void;
}

/** Without a pipe, for no query has anything to say. */
async function writeEmpty(
  { head, tail, transform, columns, valuesLeftOut }: FilePlan,
  sink: ByteSink,
): Promise<WrittenRows> {
  const body = transform === null ? '' : Buffer.from(transform.end()).toString();
  const text = `${head}${body}${tail}`;
  if (text !== '') await sink(Buffer.from(text));
  return { rows: 0, columns, valuesLeftOut };
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

  async write(kind: FileKind, sink: ByteSink): Promise<WrittenRows> {
    try {
      return await this.#write(kind, sink);
    } catch (error) {
      throw databaseFailure(error, `write the ${kind}`, savedMemory(this.#parts.memoryLimit)) ?? error;
    }
  }

  async #write(kind: FileKind, sink: ByteSink): Promise<WrittenRows> {
    const { placed, slicing, layout, maxExtensionColumns, pipePath } = this.#parts;
    const plan =
      layout.format === 'csv'
        ? await planCsv({ placed, slicing, layout, kind, maxExtensionColumns })
        : planJson({ placed, slicing, format: layout.format, scratchPath: pipePath });
    try {
      if (plan.isEmpty) return await writeEmpty(plan, sink);
      return await this.#carry(plan, sink);
    } finally {
      plan.release();
    }
  }

  async #carry(plan: FilePlan, sink: ByteSink): Promise<WrittenRows> {
    const { head, tail, transform, columns, valuesLeftOut } = plan;
    if (head !== '') await sink(Buffer.from(head));
    const pipe = await Pipe.open(this.#parts.pipePath);
    const take = transform === null ? sink : (bytes: Uint8Array) => sink(transform.take(bytes));
    const lines = await pipe.carry(sinkFailed => this.#copy(plan, pipe.path, sinkFailed), take);
    if (transform !== null) await sink(transform.end());
    if (tail !== '') await sink(Buffer.from(tail));
    return { rows: transform === null ? lines : transform.rows, columns, valuesLeftOut };
  }

  interrupt(): void {
    this.#parts.placed.connection.interrupt();
  }

  async close(): Promise<void> {
    const { placed, endTurn } = this.#parts;
    await placed.connection.run('ROLLBACK').catch(() => undefined);
    placed.connection.closeSync();
    endTurn();
  }

  /** Writes every slice's lines; a query of a reader that is gone is ended, and no other begun. */
  async #copy({ queries, copyOptions }: FilePlan, path: string, sinkFailed: AbortSignal): Promise<number> {
    const { connection } = this.#parts.placed;
    const options = `FORMAT csv, HEADER false, USE_TMP_FILE false, ${copyOptions}`;
    sinkFailed.addEventListener('abort', () => connection.interrupt());
    let lines = 0;
    for await (const query of queries()) {
      sinkFailed.throwIfAborted();
      lines += await readNumber(connection, `COPY (${query}) TO ${quoteText(path)} (${options})`);
    }
    return lines;
  }
}
