import { open } from 'node:fs/promises';
import type { PartitionId } from '../../../pipeline/ports.ts';
import { readFailure } from '../../disk.ts';
import { findLogs, type LogFolder } from './log-folder.ts';
import { SegmentReader } from './segment-reader.ts';

/** One log and how far it reaches: offsets `[low, high)`. Topic and partition are those of the records read from it. */
interface ListedLog extends PartitionId {
  /** The topic as it was named, without the log's id. */
  readonly name: string;
  readonly path: string;
  readonly low: number;
  readonly high: number;
  /** Bytes of all its segments. */
  readonly bytes: number;
}

/**
 * The logs under `path` (a log root or one log's folder), for status and for "consumed up to the end". Reads each log's
 * last segment. Throws `SOURCE_MISSING`, `SOURCE_CORRUPT` as the source does for what it sees.
 */
export async function listLogs(path: string): Promise<readonly ListedLog[]> {
  const logs = await findLogs(path);
  return Promise.all(
    logs.map(async log => ({
      ...log.partition,
      name: log.identity.topic,
      path: log.path,
      low: log.segments[0]?.baseOffset ?? 0,
      high: await endOffset(log),
      bytes: segmentBytes(log),
    })),
  );
}

/** Bytes of all logs under `path`. Throws as `listLogs`. */
export async function logBytes(path: string): Promise<number> {
  return (await findLogs(path)).reduce((sum, log) => sum + segmentBytes(log), 0);
}

function segmentBytes({ segments }: LogFolder): number {
  return segments.reduce((sum, { size }) => sum + size, 0);
}

async function endOffset({ path, segments }: LogFolder): Promise<number> {
  const last = segments.at(-1);
  if (last === undefined) return 0;
  try {
    const handle = await open(last.path, 'r');
    try {
      const reader = new SegmentReader({ handle, size: last.size, at: 0, nextOffset: last.baseOffset });
      while ((await reader.next()) !== null);
      return reader.nextOffset;
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw readFailure(error, path);
  }
}
