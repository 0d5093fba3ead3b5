import { crc32 } from '@node-rs/crc32';
import type { LogRecord } from '../../../pipeline/ports.ts';

/**
 * Identifies the last stored record of a partition by its offset and checksum. Offsets alone do not show that a topic was
 * deleted and created again, or lost its newest records in an unclean leader election. In both cases another record has that
 * offset.
 */
export interface Bookmark {
  readonly log: LogIdentity;
  readonly offset: number;
  readonly crc: number;
}

/** Identifies the log of a topic, independent of its name. */
export interface LogIdentity {
  readonly cluster: string;
  /** Null when the cluster has no topic ids, or when an older version of Tidemark wrote the bookmark. */
  readonly topicId: string | null;
}

export function bookmarkOf(log: LogIdentity, record: LogRecord): Bookmark {
  return { log, offset: record.offset, crc: checksum(record) };
}

export function encodeBookmark({ log, offset, crc }: Bookmark): string {
  return JSON.stringify({ cluster: log.cluster, topic: log.topicId, offset, crc });
}

/** Null when there is no bookmark, or when another kind of source wrote it. */
export function decodeBookmark(text: string | null): Bookmark | null {
  try {
    const parsed: unknown = JSON.parse(text ?? 'null');
    if (typeof parsed !== 'object' || parsed === null) return null;
    const { cluster, topic, offset, crc } = parsed as Record<string, unknown>;
    if (typeof cluster !== 'string' || typeof offset !== 'number' || typeof crc !== 'number') return null;
    return { log: { cluster, topicId: typeof topic === 'string' ? topic : null }, offset, crc };
  } catch {
    return null;
  }
}

/** True when the record is the one that the bookmark was made from. */
export function isSameRecord({ offset, crc }: Bookmark, record: LogRecord): boolean {
  return record.offset === offset && checksum(record) === crc;
}

function checksum({ timestamp, key, value }: LogRecord): number {
  const head = crc32(`${timestamp} ${key?.length ?? -1} ${value?.length ?? -1}`);
  return crc32(value ?? '', crc32(key ?? '', head));
}
