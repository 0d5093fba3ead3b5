import { TidemarkError } from '../../pipeline/errors.ts';

/** The refusal of a `file_prefix`: what was given, why not, and what is allowed instead. */
export function prefixRefused(filePrefix: string, reason: string, allowed: string, cause?: unknown): TidemarkError {
  const message = `file_prefix ${JSON.stringify(filePrefix)} ${reason}; allowed is ${allowed}`;
  return new TidemarkError('PREFIX_REFUSED', message, cause === undefined ? undefined : { cause });
}
