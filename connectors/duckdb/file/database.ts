import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { diskFailure, makeFolder } from '../../disk.ts';
import { databaseFailure } from './failure.ts';
import { prepareLayout } from './layout.ts';
import { makeNewFile, makeStagingFolder } from './new-file.ts';
import { mergeSmallRowGroups } from './row-groups.ts';

interface DatabaseOptions {
  /** The DuckDB file; created when it is missing. */
  readonly path: string;
  /** DuckDB's own limit, such as `256MB`; sorts and aggregates that need more spill to disk. */
  readonly memoryLimit: string;
  readonly threads: number;
}

/** The database file. One process owns it at a time: DuckDB's lock refuses all others. */
export class Database {
  readonly path: string;
  /** For files that DuckDB and this process exchange. Emptied at open, because a killed process leaves some behind. */
  readonly stagingFolder: string;
  readonly memoryLimit: string;
  readonly #instance: DuckDBInstance;

  private constructor({ path, memoryLimit }: Omit<DatabaseOptions, 'threads'>, instance: DuckDBInstance) {
    this.path = path;
    this.memoryLimit = memoryLimit;
    this.stagingFolder = stagingFolderOf(path);
    this.#instance = instance;
  }

  /**
   * Opens or creates the file. Throws `WAREHOUSE_LOCKED` when another process owns it, `WAREHOUSE_BROKEN` when DuckDB
   * cannot read it, `WAREHOUSE_UNFIT` when its tables are those of another version, `NOT_WRITABLE` or `DISK_FULL` when
   * the disk refuses it.
   */
  static async open({ path, memoryLimit, threads }: DatabaseOptions): Promise<Database> {
    keepByteOrderMarks();
    const absolute = resolve(path);
    try {
      await makeFolder(dirname(absolute)).catch(error => {
        throw diskFailure(error, `make the folder ${dirname(absolute)} for the database`, 'NOT_WRITABLE');
      });
      await makeNewFile(absolute, stagingFolderOf(absolute));
      const instance = await DuckDBInstance.create(absolute, {
        memory_limit: memoryLimit,
        threads: String(threads),
        temp_directory: `${absolute}.tmp`,
        checkpoint_threshold: `${checkpointMb(memoryLimit)}MB`,
        // Merging small row groups at a checkpoint would delay a batch for seconds (ADR 14).
        max_vacuum_tasks: '0',
      });
      const database = new Database({ path: absolute, memoryLimit }, instance);
      await database.#prepare().catch(error => {
        instance.closeSync();
        throw error;
      });
      return database;
    } catch (cause) {
      throw openFailure(absolute, cause);
    }
  }

  connect(): Promise<DuckDBConnection> {
    return this.#instance.connect();
  }

  /** Tells this database from all others; it was drawn when the file was created. */
  async id(): Promise<string> {
    const connection = await this.connect();
    try {
      const reader = await connection.runAndReadAll('SELECT store_id::VARCHAR FROM layout');
      return String(reader.value(0, 0));
    } finally {
      connection.closeSync();
    }
  }

  async close(): Promise<void> {
    // A failure here loses nothing: without the merge the file is only larger.
    await this.#mergeSmallRowGroups().catch(() => undefined);
    // Before the lock is released, because the next owner creates a folder of the same name.
    await rm(this.stagingFolder, { recursive: true, force: true });
    this.#instance.closeSync();
  }

  async #mergeSmallRowGroups(): Promise<void> {
    const connection = await this.connect();
    try {
      await mergeSmallRowGroups(connection);
    } finally {
      connection.closeSync();
    }
  }

  async #prepare(): Promise<void> {
    await this.#checkIsDatabase();
    await rm(this.stagingFolder, { recursive: true, force: true });
    await makeStagingFolder(this.stagingFolder);
    const connection = await this.connect();
    await prepareLayout(connection, this.path);
    connection.closeSync();
  }

  /** DuckDB opens a data file, such as events.json, as a view in memory, and everything stored would be lost. */
  async #checkIsDatabase(): Promise<void> {
    const connection = await this.connect();
    const reader = await connection.runAndReadAll('SELECT path FROM duckdb_databases() WHERE NOT internal');
    connection.closeSync();
    if (reader.value(0, 0) === null) throw new Error('it is a file of another kind');
  }
}

function stagingFolderOf(path: string): string {
  return `${path}.staging`;
}

/**
 * After so many MB of log a checkpoint is written, which rewrites the changed row groups: one for each 64 MB costs less than
 * DuckDB's default. What was stored since the last one takes DuckDB's memory, so it is a quarter of that at most.
 */
function checkpointMb(memoryLimit: string): number {
  const megabytes = Number.parseInt(memoryLimit, 10) * (memoryLimit.endsWith('GB') ? 1024 : 1);
  return Math.max(1, Math.min(64, Math.floor(megabytes / 4)));
}

/**
 * Makes DuckDB's client keep U+FEFF at the beginning of texts. By default the client drops it as a byte-order mark, which
 * would make two different ids, or two names of extensions, equal. May be called repeatedly. Throws when the client lacks
 * its decoder.
 */
function keepByteOrderMarks(): void {
  const accessors: { textDecoder: unknown } = createRequire(import.meta.url)(
    '@duckdb/node-api/lib/vectors/dataAccessors.js',
  );
  if (!(accessors.textDecoder instanceof TextDecoder)) throw new Error("DuckDB's client decodes texts in a new way");
  accessors.textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
}

function openFailure(path: string, cause: unknown): TidemarkError {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (/conflicting lock/i.test(message)) {
    const owner = /\(PID (\d+)\)/.exec(message)?.[1];
    const who = owner === undefined ? 'another process' : `process ${owner}`;
    return new TidemarkError('WAREHOUSE_LOCKED', `${path} is in use by ${who}; one process at a time may own it`, {
      cause,
    });
  }
  return (
    databaseFailure(cause, `open the database ${path}`) ??
    new TidemarkError('WAREHOUSE_BROKEN', `cannot open ${path} as a DuckDB file: ${message}`, { cause })
  );
}
