import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Sources } from '../../pipeline/completeness/sources.ts';
import type { FileKind, Layout, Selection } from '../../pipeline/export/selection.ts';
import type { Snapshot, SnapshotReader, WrittenRows } from '../../pipeline/export/snapshot.ts';
import type { ByteSink } from '../../pipeline/ports.ts';
import { Semaphore } from '../../pipeline/requests/semaphore.ts';
import type { Database } from './file/database.ts';
import { adviceForReading, databaseFailure } from './file/failure.ts';
import { planCsv } from './read/csv-query.ts';
import { writePlannedFile } from './read/file-plan.ts';
import { planJson } from './read/json-query.ts';
import {
  countSplitServices,
  countWithoutStart,
  type LocatedRows,
  locateRows,
  readSplitServices,
} from './read/located-rows.ts';
import { SelectedIds } from './read/selected-ids.ts';
import { defaultSlicing, type Slicing } from './read/slice-plan.ts';
import { readSchemaIds } from './store/schema-ids.ts';
import { readSources, type StoredSources } from './store/source-rows.ts';

interface SnapshotOptions {
  readonly maxExtensionColumns: number;
  /** The sizes in which exports are cut; tests set small ones. */
  readonly slicing?: Slicing;
  /** Lets so many snapshots be open at once; databases that are open at the same time share one. Two when absent. */
  readonly semaphore?: Semaphore;
}

/**
 * A query that writes to a pipe blocks a thread of libuv's pool (4 threads by default) until all its bytes are read,
 * and writing export files takes threads of the same pool: with four such queries nothing would move. All queries also
 * share one memory limit.
 */
const snapshotsAtOnce = 2;

/**
 * Opens snapshots: each is one transaction, so that all files of an export show one state of the tables. Further calls
 * wait until a snapshot is closed.
 */
export class DuckDbSnapshots implements SnapshotReader {
  readonly #database: Database;
  readonly #options: Omit<SnapshotOptions, 'semaphore'>;
  readonly #semaphore: Semaphore;

  constructor(database: Database, { semaphore = new Semaphore(snapshotsAtOnce), ...options }: SnapshotOptions) {
    this.#semaphore = semaphore;
    this.#database = database;
    this.#options = options;
  }

  async snapshot(selection: Selection, layout: Layout): Promise<DuckDbSnapshot> {
    const releasePermit = await this.#semaphore.take();
    const { memoryLimit } = this.#database;
    try {
      return await this.#open(selection, layout, releasePermit);
    } catch (error) {
      releasePermit();
      throw databaseFailure(error, 'find the services of the window', adviceForReading(memoryLimit)) ?? error;
    }
  }

  /** The ids of a selection. Counts as a snapshot, because it takes as much memory and as many threads. */
  async ids(selection: Selection): Promise<SelectedIds> {
    const releasePermit = await this.#semaphore.take();
    try {
      const { memoryLimit } = this.#database;
      return new SelectedIds(await this.#database.connect(), { selection, memoryLimit, releasePermit });
    } catch (error) {
      releasePermit();
      throw error;
    }
  }

  async #open(selection: Selection, layout: Layout, releasePermit: () => void): Promise<DuckDbSnapshot> {
    const located = await locateRows(this.#database, selection);
    const { connection } = located;
    try {
      const stored = await readSources(connection);
      const schemaIds = await readSchemaIds(connection);
      const splitServices = countLogs(stored) < 2 ? 0 : await countSplitServices(located);
      const servicesWithoutStart = await countWithoutStart(located);
      const pipePath = join(this.#database.stagingFolder, `${randomUUID()}.fifo`);
      return new DuckDbSnapshot({
        located,
        memoryLimit: this.#database.memoryLimit,
        slicing: defaultSlicing,
        layout,
        stored,
        schemaIds,
        splitServices,
        servicesWithoutStart,
        pipePath,
        releasePermit,
        ...this.#options,
      });
    } catch (error) {
      connection.closeSync();
      throw error;
    }
  }
}

/** A service is split between at least two logs. */
function countLogs({ numbers }: StoredSources): number {
  return new Set(Array.from(numbers.values(), ({ log }) => log)).size;
}

interface SnapshotParts extends Omit<SnapshotOptions, 'semaphore'> {
  readonly located: LocatedRows;
  readonly memoryLimit: string;
  readonly slicing: Slicing;
  readonly layout: Layout;
  readonly stored: StoredSources;
  readonly schemaIds: readonly number[];
  readonly splitServices: number;
  readonly servicesWithoutStart: number;
  readonly pipePath: string;
  releasePermit(): void;
}

class DuckDbSnapshot implements Snapshot {
  readonly sources: Sources;
  readonly batch: number;
  readonly schemaIds: readonly number[];
  readonly splitServices: number;
  readonly servicesWithoutStart: number;
  readonly #parts: SnapshotParts;

  constructor(parts: SnapshotParts) {
    const { sources, numbers } = parts.stored;
    this.sources = sources;
    this.batch = Array.from(numbers.values()).reduce((last, { batch }) => Math.max(last, batch), 0);
    this.schemaIds = parts.schemaIds;
    this.splitServices = parts.splitServices;
    this.servicesWithoutStart = parts.servicesWithoutStart;
    this.#parts = parts;
  }

  async write(kind: FileKind, sink: ByteSink): Promise<WrittenRows> {
    try {
      return await this.#write(kind, sink);
    } catch (error) {
      throw databaseFailure(error, `write the ${kind}`, adviceForReading(this.#parts.memoryLimit)) ?? error;
    }
  }

  async #write(kind: FileKind, sink: ByteSink): Promise<WrittenRows> {
    const { located, slicing, layout, maxExtensionColumns, pipePath } = this.#parts;
    const plan =
      layout.format === 'csv'
        ? await planCsv({ located, slicing, layout, kind, maxExtensionColumns, scratchPath: pipePath })
        : planJson({ located, slicing, format: layout.format, scratchPath: pipePath });
    try {
      return await writePlannedFile(plan, { connection: located.connection, pipePath }, sink);
    } finally {
      plan.release();
    }
  }

  /** The ids of all services that have events from more than one log, also of those that are not selected, or deleted. */
  async splitServiceIds(): Promise<ReadonlySet<string>> {
    const { located, stored } = this.#parts;
    return countLogs(stored) < 2 ? new Set() : readSplitServices(located.connection);
  }

  interrupt(): void {
    this.#parts.located.connection.interrupt();
  }

  async close(): Promise<void> {
    const { located, releasePermit } = this.#parts;
    await located.connection.run('ROLLBACK').catch(() => undefined);
    located.connection.closeSync();
    releasePermit();
  }
}
