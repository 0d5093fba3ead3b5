import { statSync } from 'node:fs';
import { listLogs } from '../../connectors/log-files/log/list-logs.ts';
import { logDirectorySource } from '../../connectors/log-files/log-directory-source.ts';
import { ndjsonFileSource } from '../../connectors/log-files/ndjson-file-source.ts';
import type { ReplayTarget } from '../../pipeline/completeness/sources.ts';
import { hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import { isSamePartition, partitionName } from '../../pipeline/partition.ts';
import type { BatchLimits, EventSource, PartitionId } from '../../pipeline/ports.ts';
import { beginnings } from '../../pipeline/replay/read-target.ts';
import { type FoundTime, type LogPart, type ReplayLog, withoutTime } from './replay-log.ts';

/** For a source that is only asked what it holds. */
const smallest = { batchRecords: 1, batchBytes: 1 };

/** A log folder with the partitions that it holds, or a file of lines. */
type GivenLog = { readonly path: string; readonly partitions: readonly PartitionId[] | null };

/**
 * The log of log folders and files, as a manifest names its partitions. A file is recognized by its content, whatever it is
 * called now. Throws `SOURCE_MISSING` for a path where nothing is, or where there is no log.
 */
export async function openGivenLogs(paths: readonly string[]): Promise<ReplayLog> {
  const given: GivenLog[] = [];
  for (const path of paths) {
    const partitions = isFolder(path)
      ? await logDirectorySource({ path, kind: 'folder', ...smallest }).partitions()
      : null;
    given.push({ path, partitions });
  }
  return {
    together: targets => targets.map(target => [target]),
    async *open(targets) {
      for (const target of targets)
        for (const log of given) {
          const open = await opening(log, target);
          if (open === null) continue;
          yield limits => {
            const source = open(limits);
            return { read: (stored, signal) => source.read(beginnings(stored, [target], ''), signal) };
          };
        }
    },
    async look() {
      const parts = await Promise.all(given.map(({ path, partitions }) => partsOf(path, partitions !== null)));
      return { at: null, declared: [], parts: parts.flat() };
    },
    close: async () => undefined,
    async findTimes(parts, time) {
      const found = new Map<string, FoundTime>();
      for (const part of parts) found.set(partitionName(part.partition), await findTime(part, time));
      return found;
    },
  };
}

type Opening = (limits: BatchLimits) => EventSource;

/** What reads the target; null where the log does not hold its partition. */
async function opening(log: GivenLog, target: ReplayTarget): Promise<Opening | null> {
  return log.partitions === null ? openFile(log.path, target) : openFolder(log.path, log.partitions, target);
}

function openFolder(
  path: string,
  held: readonly PartitionId[],
  { partition, kind, until, mayHaveGaps }: ReplayTarget,
): Opening | null {
  if (!held.some(each => isSamePartition(each, partition))) return null;
  return limits =>
    logDirectorySource({
      ...{ path, kind: kind === 'live' ? 'folder' : kind, ...limits },
      onLostRecords: mayHaveGaps ? 'skip' : 'stop',
      until: other => (isSamePartition(other, partition) ? (until ?? Number.POSITIVE_INFINITY) : null),
    });
}

/** A file is the one that the partition stands for when its content begins so. */
async function openFile(path: string, { partition, kind, until }: ReplayTarget): Promise<Opening | null> {
  if (kind !== 'file') return null;
  const open: (limits: BatchLimits) => ReturnType<typeof ndjsonFileSource> = limits =>
    ndjsonFileSource({ path, ...(until === null ? {} : { until }), ...limits });
  const begin = { partition, origin: path, nextOffset: 0, bookmark: null };
  return (await open(smallest).partitions([begin])).some(found => isSamePartition(found, partition)) ? open : null;
}

async function partsOf(path: string, isLogFolder: boolean): Promise<readonly LogPart[]> {
  const known = { shown: path, topicId: null, isCompacted: false };
  if (isLogFolder)
    return (await listLogs(path)).map(({ topic, partition, low, high, bytes }) => {
      return { ...known, partition: { topic, partition }, kind: 'folder', ends: { low, stable: high, high }, bytes };
    });
  const source = ndjsonFileSource({ path, ...smallest });
  const bytes = await source.totalBytes();
  return (await source.partitions([])).map(partition => ({ ...known, partition, kind: 'file', ends: null, bytes }));
}

/** Reads all of the log: its records may have times in any order. */
async function findTime({ shown, partition }: LogPart, time: number): Promise<FoundTime> {
  const source = logDirectorySource({
    ...{ path: shown, kind: 'folder', batchRecords: 10_000, batchBytes: 16 << 20 },
    onLostRecords: 'skip',
    until: other => (isSamePartition(other, partition) ? Number.POSITIVE_INFINITY : null),
  });
  let found: number | null = null;
  let latest: number | null = null;
  let backMs = 0;
  for await (const { records } of source.read([], new AbortController().signal))
    for (const { offset, timestamp } of records) {
      if (timestamp === null) throw withoutTime(partition, offset);
      latest = Math.max(latest ?? timestamp, timestamp);
      if (found === null && timestamp >= time) found = offset;
      if (found !== null) backMs = Math.max(backMs, time - timestamp);
    }
  return { offset: found, backMs, latest };
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (cause) {
    if (!hasSystemCode(cause, 'ENOENT', 'ENOTDIR')) throw cause;
    throw new TidemarkError('SOURCE_MISSING', `there is no ${path}; allowed are NDJSON files and log folders`, {
      cause,
    });
  }
}
