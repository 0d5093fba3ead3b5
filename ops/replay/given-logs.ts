import { statSync } from 'node:fs';
import { logDirectorySource } from '../../connectors/log-files/log-directory-source.ts';
import { ndjsonFileSource } from '../../connectors/log-files/ndjson-file-source.ts';
import type { ReplayTarget } from '../../pipeline/completeness/sources.ts';
import { hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import { isSamePartition } from '../../pipeline/partition.ts';
import type { EventSource, PartitionId } from '../../pipeline/ports.ts';
import type { LogAgain } from '../../pipeline/replay/read-target.ts';
import type { Config } from '../settings/settings.ts';

/** A log folder with the partitions that it holds, or a file of lines. */
type GivenLog = { readonly path: string; readonly partitions: readonly PartitionId[] | null };

/**
 * The log of log folders and files, as a manifest names its partitions. A file is recognized by its content, whatever it is
 * called now. Throws `SOURCE_MISSING` for a path where nothing is, or where there is no log.
 */
export async function openGivenLogs(paths: readonly string[], config: Config): Promise<LogAgain> {
  const limits = { batchRecords: config.batch_records, batchBytes: config.batch_bytes };
  const given: GivenLog[] = [];
  for (const path of paths) {
    const partitions = isFolder(path)
      ? await logDirectorySource({ path, kind: 'folder', ...limits }).partitions()
      : null;
    given.push({ path, partitions });
  }
  const ofFolder = ({ path }: GivenLog, { partition, kind, until, mayHaveGaps }: ReplayTarget): EventSource =>
    logDirectorySource({
      ...{ path, kind: kind === 'live' ? 'folder' : kind, ...limits },
      onLostRecords: mayHaveGaps ? 'skip' : 'stop',
      until: other => (isSamePartition(other, partition) ? (until ?? Number.POSITIVE_INFINITY) : null),
    });
  return {
    async *open(target) {
      for (const log of given) {
        if (log.partitions !== null) {
          if (log.partitions.some(other => isSamePartition(other, target.partition))) yield ofFolder(log, target);
        } else if (await isFile(log.path, target))
          yield ndjsonFileSource({
            path: log.path,
            ...(target.until === null ? {} : { until: target.until }),
            ...limits,
          });
      }
    },
  };
}

/** Whether the file at the path is the one that the partition stands for. */
async function isFile(path: string, { partition, kind }: ReplayTarget): Promise<boolean> {
  if (kind !== 'file') return false;
  const begin = { partition, origin: path, nextOffset: 0, bookmark: null };
  const source = ndjsonFileSource({ path, batchRecords: 1, batchBytes: 1 });
  return (await source.partitions([begin])).some(found => isSamePartition(found, partition));
}

export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (cause) {
    if (!hasSystemCode(cause, 'ENOENT', 'ENOTDIR')) throw cause;
    throw new TidemarkError('SOURCE_MISSING', `there is no ${path}; allowed are NDJSON files and log folders`, {
      cause,
    });
  }
}
