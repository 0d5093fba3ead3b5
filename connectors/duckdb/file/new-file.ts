import { existsSync } from 'node:fs';
import { link, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { hasSystemCode } from '../../../pipeline/errors.ts';
import { diskFailure, makeFolder, syncFolder } from '../../disk.ts';

/**
 * Creates an empty database file when there is none. DuckDB writes a new file in several steps, and cannot open a file
 * that a crash left unfinished. So the file is written in `stagingFolder` and gets its name when it is complete.
 */
export async function makeNewFile(path: string, stagingFolder: string): Promise<void> {
  if (existsSync(path)) return;
  await makeStagingFolder(stagingFolder);
  const hidden = join(stagingFolder, `new-${process.pid}.duckdb`);
  await rm(hidden, { force: true });
  const instance = await DuckDBInstance.create(hidden);
  instance.closeSync();
  try {
    await link(hidden, path);
    await syncFolder(dirname(path));
  } catch (error) {
    // Another process created the file meanwhile. As its owner it may also have emptied the staging folder.
    if (!hasSystemCode(error, 'EEXIST', 'ENOENT') || !existsSync(path)) throw error;
  } finally {
    await rm(hidden, { force: true });
  }
}

/** Makes the folder beside the database. Throws `NOT_WRITABLE` where the file system makes none there, such as `/proc`. */
export async function makeStagingFolder(folder: string): Promise<void> {
  await makeFolder(folder).catch(error => {
    throw diskFailure(error, `make the folder ${folder} beside the database`, 'NOT_WRITABLE');
  });
}
