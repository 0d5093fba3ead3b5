/** What is kept of a file between two readings. All bytes are counted unpacked. */
export interface FileBookmark {
  /** How many bytes from the start the file's topic is the hash of. */
  readonly head: number;
  /** Hash of the start up to the end of the first record: tells a changed file from another one. */
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

/** Null for no bookmark, and for one that is not ours: the lines are then counted from the beginning. */
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

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
