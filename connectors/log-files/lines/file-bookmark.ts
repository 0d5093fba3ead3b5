import { TidemarkError } from '../../../pipeline/errors.ts';

/** What the database keeps about a file between two runs. All bytes are counted unpacked. */
export interface FileBookmark {
  /** The file's topic is the hash of this many bytes from its start. */
  readonly head: number;
  /** Hash of the start up to the end of the first record. A changed file has the same hash, another file a different one. */
  readonly first: string;
  /** Bytes consumed. */
  readonly bytes: number;
  /** SHA-256 of the bytes consumed, hexadecimal. */
  readonly sha256: string;
  /** Lines consumed, blank ones included. */
  readonly lines: number;
}

export function encodeFileBookmark({ head, first, bytes, sha256, lines }: FileBookmark): string {
  return JSON.stringify({ head, first, bytes, sha256, lines });
}

/** Null for no bookmark and for one of another kind of source; the lines are then counted from the beginning. */
export function decodeFileBookmark(text: string | null): FileBookmark | null {
  if (text === null) return null;
  try {
    const { head, first, bytes, sha256, lines } = JSON.parse(text) as Partial<Record<string, unknown>>;
    if (!isCount(head) || !isCount(bytes) || !isCount(lines)) return null;
    if (typeof first !== 'string' || typeof sha256 !== 'string') return null;
    return { head, first, bytes, sha256, lines };
  } catch {
    return null;
  }
}

/** The error for a file whose consumed part has changed. `difference` is a clause; `consumedBytes` are counted unpacked. */
export function changedFile(path: string, consumedBytes: number, difference: string): TidemarkError {
  const problem = `${path} has changed: ${consumedBytes} bytes of it (unpacked) were consumed, and ${difference}`;
  const remedy = 'restore the file as it was and only append to it, or ingest it into a new database';
  return new TidemarkError('SOURCE_CHANGED', `${problem}; nothing of it was read; ${remedy}`);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
