import { TidemarkError } from '../../../pipeline/errors.ts';

/**
 * Turns an error of DuckDB that the disk or the memory caused into a TidemarkError, with the error as its cause: `DISK_FULL`,
 * `OUT_OF_MEMORY`, `NOT_WRITABLE` or, for a file that is damaged, `WAREHOUSE_BROKEN`. Returns null for every other error, which is a
 * bug or a fault of the query. The message begins with "could not" and `attempt`; clients read it, so `attempt` names a path only
 * where no client made the request. `memoryAdvice` says what to do when memory ran out.
 */
export function databaseFailure(
  error: unknown,
  attempt: string,
  memoryAdvice = 'raise memory_limit',
): TidemarkError | null {
  if (error instanceof TidemarkError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const options = { cause: error };
  // DuckDB has no error codes for these. Its messages contain the system's, or name its limit for spilled files.
  if (/no space left on device|disk quota exceeded|max_temp_directory_size/i.test(reason)) {
    return new TidemarkError('DISK_FULL', `could not ${attempt}: no space is left on the disk (${reason})`, options);
  }
  if (/out of memory|could not allocate block|failed to (allocate|pin)/i.test(reason)) {
    // DuckDB's own message is left out: it advises settings that tidemark does not have.
    return new TidemarkError('OUT_OF_MEMORY', `could not ${attempt}: memory ran out; ${memoryAdvice}`, options);
  }
  if (/read-only file system|permission denied|operation not permitted|not a directory/i.test(reason)) {
    const needed = 'this process needs permission to write there';
    return new TidemarkError('NOT_WRITABLE', `could not ${attempt}: ${needed} (${reason})`, options);
  }
  if (/corrupt|checksum|failed to deserialize|could not read (enough|all) bytes|has been invalidated/i.test(reason)) {
    const advice = 'keep the file and its .wal, and restore both from a copy or build it anew from the logs';
    return new TidemarkError(
      'WAREHOUSE_BROKEN',
      `could not ${attempt}: the database is damaged; ${advice} (${reason})`,
      options,
    );
  }
  return null;
}

/** What to do when storing runs out of memory. `limit` is the setting, such as `256MB`. */
export function adviceForStoring(limit: string): string {
  return `raise memory_limit, which is ${limit}`;
}

/** What to do when an export or a look-up runs out of memory. */
export function adviceForReading(limit: string): string {
  return `${adviceForStoring(limit)}, let fewer exports run at once, or narrow the window`;
}
