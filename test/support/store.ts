import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { Database } from '../../connectors/duckdb/file/database.ts';
import { DuckDbSnapshots } from '../../connectors/duckdb/snapshot.ts';
import { DuckDbWarehouse } from '../../connectors/duckdb/warehouse.ts';
import type { BatchFacts } from '../../pipeline/completeness/batch-facts.ts';
import type { FileKind, Layout, Selection } from '../../pipeline/export/selection.ts';
import { foldBatch } from '../../pipeline/ingest/batch-folding.ts';
import type { FoldedBatch } from '../../pipeline/ingest/warehouse.ts';
import type { LogRecord } from '../../pipeline/ports.ts';
import type { WriterSchemas } from '../../schemas/decode.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** Lateness is none, so that watermarks are the clock of a look, or the time of an event. */
export const storing = { clock: { now: Date.now }, lateness: { allowedMs: 0, clockMs: 0 } };

export const plainCsv: Layout = {
  format: 'csv',
  compression: 'uncompressed',
  separator: ',',
  header: false,
  extensions: 'columns',
  extensionColumns: null,
};

type Window = Partial<Selection> & { readonly timeFrom: number; readonly timeTo: number };

/** A real database in a folder of its own, closed and removed with the test that opened it. */
export class TestStore {
  readonly database: Database;
  readonly warehouse: DuckDbWarehouse;
  readonly #next = new Map<number, number>();

  private constructor(database: Database, warehouse: DuckDbWarehouse) {
    this.database = database;
    this.warehouse = warehouse;
    for (const { partition, nextOffset } of warehouse.positions()) this.#next.set(partition.partition, nextOffset);
  }

  /** `apartBytes` as in the options of `DuckDbWarehouse`. */
  static async open(
    databasePath: string,
    { apartBytes, memoryLimit = '256MB' }: { readonly apartBytes?: number; readonly memoryLimit?: string } = {},
  ): Promise<TestStore> {
    const database = await Database.open({ path: databasePath, memoryLimit, threads: 1 });
    return new TestStore(database, await DuckDbWarehouse.open(database, { ...storing, apartBytes }));
  }

  /** Stores one batch of JSON lines or Avro values as the next records of a partition, in one transaction. */
  async storeLines(
    lines: readonly (string | Uint8Array)[],
    partition = 0,
    schemas: WriterSchemas | null = null,
  ): Promise<void> {
    const first = this.#next.get(partition) ?? 0;
    const records = lines.map((line, index) => recordOf(line, first + index));
    const nextOffset = first + lines.length;
    this.#next.set(partition, nextOffset);
    const id = { topic: 'test', partition };
    const next = { nextOffset, bookmark: null };
    const batch = { partition: id, kind: 'live', origin: 'test', records, from: first, next, bytesRead: 0 } as const;
    await this.warehouse.store(foldBatch(batch, { keyFormat: 'string', schemas, clock: { now: Date.now } }));
  }

  async rows(sql: string): Promise<readonly (readonly unknown[])[]> {
    const connection = await this.database.connect();
    try {
      return (await connection.runAndReadAll(sql)).getRowsJson();
    } finally {
      connection.closeSync();
    }
  }

  /** The plain bytes of one file of an export, and what was said of it. */
  async exported(kind: FileKind, window: Window, layout: Partial<Layout> = {}, maxExtensionColumns = 1000) {
    const [file] = await this.exportedFiles([kind], window, layout, maxExtensionColumns);
    return file!;
  }

  /** The same of several files, of one snapshot. */
  async exportedFiles(
    kinds: readonly FileKind[],
    window: Window,
    layout: Partial<Layout> = {},
    maxExtensionColumns = 1000,
  ) {
    const snapshots = new DuckDbSnapshots(this.database, { maxExtensionColumns });
    const selection: Selection = { filterEvents: 'any', filterState: 'any', ...window };
    const snapshot = await snapshots.snapshot(selection, { ...plainCsv, ...layout });
    const { splitServices } = snapshot;
    const files = [];
    try {
      for (const kind of kinds) {
        const chunks: Uint8Array[] = [];
        const written = await snapshot.write(kind, async bytes => void chunks.push(bytes));
        files.push({ ...written, kind, splitServices, bytes: Buffer.concat(chunks) });
      }
    } finally {
      await snapshot.close();
    }
    return files;
  }

  async close(): Promise<void> {
    await this.warehouse.close();
    await this.database.close();
  }
}

let emptyDatabase: Promise<Buffer> | undefined;

/** Puts a database that was made before, and in which nothing is stored, at a path: making the tables takes most of a short test. */
export async function putEmptyDatabase(file: string): Promise<void> {
  emptyDatabase ??= makeEmptyDatabase();
  await writeFile(file, await emptyDatabase);
}

async function makeEmptyDatabase(): Promise<Buffer> {
  const folder = await temporaryFolder();
  try {
    const file = path.join(folder.path, 'empty.duckdb');
    await (await TestStore.open(file)).close();
    return await readFile(file);
  } finally {
    await folder.remove();
  }
}

/** A store that lives as long as the test. */
export function openTestStore(): Promise<TestStore> {
  return openAfter(putEmptyDatabase);
}

/** The same in a database that this store has made. */
export function openNewStore(): Promise<TestStore> {
  return openAfter(async () => undefined);
}

async function openAfter(prepare: (file: string) => Promise<void>): Promise<TestStore> {
  const folder = await temporaryFolder();
  const file = path.join(folder.path, 'test.duckdb');
  await prepare(file);
  const store = await TestStore.open(file);
  onTestFinished(async () => {
    await store.close();
    await folder.remove();
  });
  return store;
}

/** The batch with other facts than its records have. */
export function withFacts({ facts, ...content }: FoldedBatch, others: Partial<BatchFacts>): FoldedBatch {
  return { ...content, facts: { ...facts, ...others } };
}

function recordOf(line: string | Uint8Array, offset: number): LogRecord {
  return {
    offset,
    timestamp: null,
    key: null,
    value: typeof line === 'string' ? Buffer.from(line) : line,
    headers: [],
  };
}
