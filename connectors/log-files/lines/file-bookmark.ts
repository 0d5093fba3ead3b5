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

/** The words for a number of bytes of a file's content. */
export function unpackedBytes(bytes: number): string {
  return `${bytes} bytes (unpacked)`;
}

/** A file, and the consumed file that it is taken for because it begins alike. */
interface TakenFor {
  readonly path: string;
  /** The path under which that file was consumed last. */
  readonly origin: string;
  /** How much of it was consumed, as words. */
  readonly consumed: string;
}

/**
 * The error for a file whose consumed part has changed. `difference` is a clause. Nobody but the user can tell whether it is
 * that file or another one that begins alike, so the message has the way out for both.
 */
export function changedFile({ path, origin, consumed }: TakenFor, difference: string): TidemarkError {
  const file = path === origin ? 'the file of this path' : origin;
  const problem = `${path} has changed: it is taken for ${file}, of which ${consumed} were consumed, and ${difference}`;
  const same = 'if it is that file, restore it as it was and only append to it, or ingest it into a new database';
  const other = 'if it is another file that begins alike, put an empty line before its first line';
  return new TidemarkError('SOURCE_CHANGED', `${problem}; nothing of it was read; ${same}; ${other}`);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
