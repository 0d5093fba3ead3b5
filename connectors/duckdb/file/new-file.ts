import { existsSync } from 'node:fs';
import { link, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { hasSystemCode } from '../../../pipeline/errors.ts';
import { makeFolder, syncFolder } from '../../disk.ts';

/**
 * Makes an empty database file where there is none. DuckDB writes a new file in several steps, and one that was cut off
 * by a crash can never be opened again: so it is written inside of `stagingFolder` and gets its name when it is whole.
 */
export async function makeNewFile(path: string, stagingFolder: string): Promise<void> {
  if (existsSync(path)) return;
  await makeFolder(stagingFolder);
  const hidden = join(stagingFolder, `new-${process.pid}.duckdb`);
  await rm(hidden, { force: true });
  const instance = await DuckDBInstance.create(hidden);
  instance.closeSync();
  try {
    await link(hidden, path);
    await syncFolder(dirname(path));
  } catch (error) {
    // Another process made it in the meantime, and perhaps emptied the staging folder as its owner.
    if (!hasSystemCode(error, 'EEXIST', 'ENOENT') || !existsSync(path)) throw error;
  } finally {
    await rm(hidden, { force: true });
  }
}
