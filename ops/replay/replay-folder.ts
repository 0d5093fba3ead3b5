import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Database } from '../../connectors/duckdb/file/database.ts';
import { DuckDbSnapshots } from '../../connectors/duckdb/snapshot.ts';
import { hasSystemCode } from '../../pipeline/errors.ts';
import type { ReplayFolder } from '../../pipeline/requests/replay-databases.ts';
import { Semaphore } from '../../pipeline/requests/semaphore.ts';
import type { Config } from '../settings/settings.ts';

/** The files and folders of a database, by what follows its name. */
const endings = ['', '.wal', '.tmp', '.staging'];

/** The folder of the setting `replay_folder`, with one DuckDB file for each replay. It is made with the first of them. */
export class LocalReplayFolder implements ReplayFolder {
  readonly #config: Config;
  readonly #path: string;
  /** One at a time, over all replays: the live database has the others (see `DuckDbSnapshots`). */
  readonly #snapshots = new Semaphore(1);

  constructor(config: Config) {
    this.#config = config;
    this.#path = resolve(config.replay_folder ?? `${config.db}.replays`);
  }

  pathOf(file: string): string {
    return join(this.#path, file);
  }

  async names(): Promise<readonly string[]> {
    const entries = await readdir(this.#path).catch(error => {
      if (hasSystemCode(error, 'ENOENT')) return [];
      throw error;
    });
    const names = entries.flatMap(entry => /^(.*\.duckdb)(\.wal|\.tmp|\.staging)?$/.exec(entry)?.[1] ?? []);
    return [...new Set(names)];
  }

  async open(file: string) {
    const { replay_memory_limit: memoryLimit, replay_threads: threads, max_extension_columns } = this.#config;
    const path = this.pathOf(file);
    if (!existsSync(path)) return null;
    const database = await Database.open({ path, memoryLimit, threads });
    const options = { maxExtensionColumns: max_extension_columns, semaphore: this.#snapshots };
    return { snapshots: new DuckDbSnapshots(database, options), close: () => database.close() };
  }

  async remove(file: string): Promise<void> {
    for (const ending of endings) await rm(`${this.pathOf(file)}${ending}`, { recursive: true, force: true });
  }
}

/**
 * A new name for the database of a replay: readable, and never that of another replay. A copy of the live database may use the same
 * folder, and an older one that was put back may be asked for a request again, so neither of their ids makes a name.
 */
export function newReplayFileName(requestId: string): string {
  const readable = requestId
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[.-]+/, '')
    .slice(0, 40);
  const unique = randomUUID().replaceAll('-', '').slice(0, 16);
  return `${readable === '' ? 'replay' : readable}-${unique}.duckdb`;
}
