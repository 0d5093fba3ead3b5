import { mkdir, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { entityTables } from '../../../schemas/columns.ts';
import { entityPlaces, fillSql, readSql } from '../../../schemas/sql.ts';
import { diskFailure, makeFolder } from '../../disk.ts';
import { databaseFailure } from './failure.ts';
import { makeNewFile } from './new-file.ts';
import { mergeSmallRowGroups } from './row-groups.ts';
import { readTextsWhole } from './whole-texts.ts';

readTextsWhole();

interface DatabaseOptions {
  /** The DuckDB file; made when it is missing. */
  readonly path: string;
  /** DuckDB's own limit, such as `256MB`; beyond it sorts and aggregates spill to disk. */
  readonly memoryLimit: string;
  readonly threads: number;
}

/** Of what `layoutSql` makes. Rows of another one are not read: the file is made anew from the log. */
const layoutVersion = 2;

/** The one file, owned by this process: DuckDB's lock keeps every other out. */
export class Database {
  readonly path: string;
  /** For files that this process hands to DuckDB; emptied at open, so that a killed process leaves nothing behind. */
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
   * Opens or makes the file. Throws `WAREHOUSE_LOCKED` when another process owns it, `WAREHOUSE_BROKEN` when it is
   * unreadable, `WAREHOUSE_UNFIT` when another version of ours laid it out.
   */
  static async open({ path, memoryLimit, threads }: DatabaseOptions): Promise<Database> {
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
        // A checkpoint rewrites the changed row groups: fewer of them, at 64 MB of log, cost less per batch.
        checkpoint_threshold: '64MB',
        // Nor does it merge small row groups into large ones meanwhile, which would keep a batch waiting for seconds.
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

  async close(): Promise<void> {
    // A database that broke has said so; without this it is only larger.
    await this.#mergeSmallRowGroups().catch(() => undefined);
    // While the file is still ours: the next owner makes a folder of the same name.
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
    await this.#checkKept();
    await rm(this.stagingFolder, { recursive: true, force: true });
    await mkdir(this.stagingFolder);
    const connection = await this.connect();
    const reader = await connection.runAndReadAll("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'layout'");
    if (Number(reader.value(0, 0)) === 0) await connection.run(layoutSql());
    else await checkLayout(connection, this.path);
    connection.closeSync();
  }

  /** A data file, such as events.json, would be opened as a view in memory, and all that is stored be lost at the end. */
  async #checkKept(): Promise<void> {
    const connection = await this.connect();
    const reader = await connection.runAndReadAll('SELECT path FROM duckdb_databases() WHERE NOT internal');
    connection.closeSync();
    if (reader.value(0, 0) === null) throw new Error('it is a file of another kind');
  }
}

function stagingFolderOf(path: string): string {
  return `${path}.staging`;
}

async function checkLayout(connection: DuckDBConnection, path: string): Promise<void> {
  const reader = await connection.runAndReadAll('SELECT version FROM layout');
  const version = Number(reader.value(0, 0));
  if (version === layoutVersion) return;
  throw new TidemarkError(
    'WAREHOUSE_UNFIT',
    `${path} has the layout ${version} of another version of tidemark; this one reads and writes layout ${layoutVersion}. ` +
      'Name another db, and read the log into it',
  );
}

/** Everything a new file holds, made in one transaction. */
function layoutSql(): string {
  const entityTemplate = readSql('tables/0002_entity.sql');
  const perEntity = Object.values(entityTables).map(table => fillSql(entityTemplate, entityPlaces(table)));
  const control = readSql('tables/0003_control.sql');
  const version = `INSERT INTO layout VALUES (${layoutVersion}, uuid());`;
  return ['BEGIN;', readSql('tables/0001_store.sql'), version, ...perEntity, control, 'COMMIT;'].join('\n');
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
