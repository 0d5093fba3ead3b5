import { crc32 } from '@node-rs/crc32';
import type { LogRecord } from '../../pipeline/ports.ts';

/**
 * The last record that was stored, as a fingerprint. Offsets alone cannot tell that a topic was deleted and made again,
 * or lost its newest records in an unclean leader election: the same record must lie where it lay.
 */
export interface Bookmark {
  readonly cluster: string;
  readonly offset: number;
  readonly crc: number;
}

export function bookmarkOf(cluster: string, record: LogRecord): Bookmark {
  return { cluster, offset: record.offset, crc: fingerprint(record) };
}

export function encodeBookmark(bookmark: Bookmark): string {
  return JSON.stringify(bookmark);
}

/** Null where a stranger wrote it, or nobody. */
export function decodeBookmark(text: string | null): Bookmark | null {
  try {
    const parsed: unknown = JSON.parse(text ?? 'null');
    if (typeof parsed !== 'object' || parsed === null) return null;
    const { cluster, offset, crc } = parsed as Record<string, unknown>;
    if (typeof cluster !== 'string' || typeof offset !== 'number' || typeof crc !== 'number') return null;
    return { cluster, offset, crc };
  } catch {
    return null;
  }
}

/** True when the record is the one that the bookmark was made of. */
export function isSameRecord({ offset, crc }: Bookmark, record: LogRecord): boolean {
  return record.offset === offset && fingerprint(record) === crc;
}

function fingerprint({ timestamp, key, value }: LogRecord): number {
  const head = crc32(`${timestamp} ${key?.length ?? -1} ${value?.length ?? -1}`);
  return crc32(value ?? '', crc32(key ?? '', head));
}
