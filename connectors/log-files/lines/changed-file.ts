import { TidemarkError } from '../../../pipeline/errors.ts';

/** The error for a file which no longer holds what was consumed of it. `consumedBytes` are counted unpacked. */
export function changedFile(path: string, consumedBytes: number, what: string): TidemarkError {
  const remedy = 'bring the file back as it was and append to it only, or rebuild the store from what is there now';
  const problem = `${path} has changed: ${consumedBytes} bytes of it (unpacked) were consumed, and ${what}`;
  return new TidemarkError('SOURCE_CHANGED', `${problem}; nothing of it was read; ${remedy}`);
}
