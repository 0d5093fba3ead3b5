import { hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';

/**
 * Says in our words what the file system refused, keeping the cause. `attempt` reads on from "could not", and names the path.
 * A full disk is `DISK_FULL`, a missing right `NOT_WRITABLE`, anything else `EXPORT_FAILED`; our own errors pass unchanged.
 */
export function diskFailure(error: unknown, attempt: string): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const cause = { cause: error };
  const reason = error instanceof Error ? error.message : String(error);
  if (hasSystemCode(error, 'ENOSPC', 'EDQUOT')) {
    return new TidemarkError('DISK_FULL', `could not ${attempt}: no space is left on the disk (${reason})`, cause);
  }
  if (hasSystemCode(error, 'EACCES', 'EROFS', 'EPERM')) {
    const wanted = 'the service needs the right to write there';
    return new TidemarkError('NOT_WRITABLE', `could not ${attempt}: ${wanted} (${reason})`, cause);
  }
  return new TidemarkError('EXPORT_FAILED', `could not ${attempt}: ${reason}`, cause);
}
