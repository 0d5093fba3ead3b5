import { TidemarkError } from '../../../pipeline/errors.ts';

/**
 * Says in our words what DuckDB or the disk below it refused, keeping the cause. `attempt` reads on from "could not" and
 * names the path, but none where a client asked for it; `cure` is what helps where memory ran out. Null where the failure
 * is none of the surroundings': a bug, or a matter of the query.
 */
export function databaseFailure(error: unknown, attempt: string, cure = 'raise memory_limit'): TidemarkError | null {
  if (error instanceof TidemarkError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const options = { cause: error };
  // DuckDB has no codes for these, but passes on what the system says; what it spills may not fill the disk wholly.
  if (/no space left on device|disk quota exceeded|max_temp_directory_size/i.test(reason)) {
    return new TidemarkError('DISK_FULL', `could not ${attempt}: no space is left on the disk (${reason})`, options);
  }
  if (/out of memory|failed to (allocate|pin)/i.test(reason)) {
    // Without DuckDB's own words: clients read these, and its advice is about settings that we do not have.
    return new TidemarkError('OUT_OF_MEMORY', `could not ${attempt}: memory ran out; ${cure}`, options);
  }
  if (/read-only file system|permission denied|operation not permitted|not a directory/i.test(reason)) {
    const wanted = 'a folder is needed in which this process may write';
    return new TidemarkError('NOT_WRITABLE', `could not ${attempt}: ${wanted} (${reason})`, options);
  }
  return null;
}

/** What helps whoever stores; the limit is the setting. */
export function raisedMemory(limit: string): string {
  return `raise memory_limit, which is ${limit}`;
}

/** What helps whoever reads. */
export function savedMemory(limit: string): string {
  return `${raisedMemory(limit)}, let fewer exports run at once, or narrow the window`;
}
