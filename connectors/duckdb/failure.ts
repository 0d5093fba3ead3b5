import { TidemarkError } from '../../pipeline/errors.ts';

/**
 * Says in our words what DuckDB or the disk below it refused, keeping the cause. `attempt` reads on from "could not" and
 * names the path. Null where the failure is none of the surroundings': a bug, or a matter of the query.
 */
export function databaseFailure(error: unknown, attempt: string): TidemarkError | null {
  if (error instanceof TidemarkError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const options = { cause: error };
  // DuckDB has no codes for these, but passes on what the system says.
  if (/no space left on device|disk quota exceeded/i.test(reason)) {
    return new TidemarkError('DISK_FULL', `could not ${attempt}: no space is left on the disk (${reason})`, options);
  }
  if (/read-only file system|permission denied|operation not permitted|not a directory/i.test(reason)) {
    const wanted = 'a folder is needed in which this process may write';
    return new TidemarkError('NOT_WRITABLE', `could not ${attempt}: ${wanted} (${reason})`, options);
  }
  return null;
}
