import { crc32 } from '@node-rs/crc32';
import type { LogRecord } from '../../../pipeline/ports.ts';

/**
 * The last record that was stored, as a fingerprint. Offsets alone cannot tell that a topic was deleted and made again,
 * or lost its newest records in an unclean leader election: the same record must lie where it lay.
 */
export interface Bookmark {
  readonly log: LogIdentity;
  readonly offset: number;
  readonly crc: number;
}

/** Which log a partition is, whatever its name. */
export interface LogIdentity {
  readonly cluster: string;
  /** Null where the cluster has no ids for topics, and where an older version of ours wrote it. */
  readonly topicId: string | null;
}

export function bookmarkOf(log: LogIdentity, record: LogRecord): Bookmark {
  return { log, offset: record.offset, crc: fingerprint(record) };
}

export function encodeBookmark({ log, offset, crc }: Bookmark): string {
  return JSON.stringify({ cluster: log.cluster, topic: log.topicId, offset, crc });
}

/** Null where a stranger wrote it, or nobody. */
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

/** True when the record is the one that the bookmark was made of. */
export function isSameRecord({ offset, crc }: Bookmark, record: LogRecord): boolean {
  return record.offset === offset && fingerprint(record) === crc;
}

function fingerprint({ timestamp, key, value }: LogRecord): number {
  const head = crc32(`${timestamp} ${key?.length ?? -1} ${value?.length ?? -1}`);
  return crc32(value ?? '', crc32(key ?? '', head));
}
