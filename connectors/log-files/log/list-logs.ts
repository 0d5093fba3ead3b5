import { open } from 'node:fs/promises';
import type { PartitionId } from '../../../pipeline/ports.ts';
import { readFailure } from '../../disk.ts';
import { findLogs, type LogFolder } from './log-folder.ts';
import { damaged, SegmentReader } from './segment-reader.ts';

/** One log and the offsets `[low, high)` that it holds. Topic and partition are those of the records read from it. */
interface ListedLog extends PartitionId {
  /** The topic's name without the log's id. */
  readonly name: string;
  readonly path: string;
  readonly low: number;
  readonly high: number;
  /** Bytes of all its segments together. */
  readonly bytes: number;
}

/**
 * Lists the logs under `path` (a log root or the folder of one log) with their ends. Reads the last segment of each log to
 * find its end. Throws `SOURCE_MISSING` and `SOURCE_CORRUPT` as `findLogs` does.
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

/** Bytes of all logs under `path` together. Throws as `listLogs` does. */
export async function logBytes(path: string): Promise<number> {
  return (await findLogs(path)).reduce((sum, log) => sum + segmentBytes(log), 0);
}

/**
 * A text that differs whenever a log under `path` has come, gone, grown or lost segments; their sizes together may stay the
 * same. Throws as `listLogs` does.
 */
export async function logsState(path: string): Promise<string> {
  const logs = await findLogs(path);
  return JSON.stringify(logs.map(({ path: folder, segments }) => [folder, segments[0]?.path, segments.at(-1)]));
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
      // Damage before good batches is no end: what lies behind it belongs to the log.
      const after = reader.isAtEnd ? null : await reader.goodBatchAfter();
      if (after === null) return reader.nextOffset;
      throw damaged(last.path, reader.at, `the batch there cannot be read, and a good one follows at byte ${after}`);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw readFailure(error, path);
  }
}
