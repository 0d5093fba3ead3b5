/** The last batch that was consumed, completely or in part. Its CRC shows whether the same batch is still there. */
export interface LogBookmark {
  /** Base offset of the segment. */
  readonly segment: number;
  /** Position of the batch in the segment file. */
  readonly byte: number;
  /** Offset of the batch's first record. */
  readonly base: number;
  readonly crc: number;
}

export function encodeBookmark({ segment, byte, base, crc }: LogBookmark): string {
  return JSON.stringify({ segment, byte, base, crc });
}

/** Null for no bookmark and for one of another kind of source; the position is then found by its offset. */
export function decodeBookmark(text: string | null): LogBookmark | null {
  if (text === null) return null;
  try {
    const { segment, byte, base, crc } = JSON.parse(text) as Partial<Record<string, unknown>>;
    return isCount(segment) && isCount(byte) && isCount(base) && isCount(crc) ? { segment, byte, base, crc } : null;
  } catch {
    return null;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
