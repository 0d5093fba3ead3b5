import { TidemarkError } from '../../../pipeline/errors.ts';

/** The error for a log file whose content cannot be what was written. `position` is the byte of the first bad batch. */
export function damaged(file: string, position: number, why: string): TidemarkError {
  const rescue = 'nothing behind it was read; bring the file back from a copy';
  return new TidemarkError('SOURCE_CORRUPT', `${file} is damaged at byte ${position}: ${why}; ${rescue}`);
}
