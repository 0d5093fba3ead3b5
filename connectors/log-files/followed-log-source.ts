import { partitionName } from '../../pipeline/partition.ts';
import type { BatchLimits, EventSource, RecordBatch, StoredPosition } from '../../pipeline/ports.ts';
import { pause } from '../../pipeline/waiting.ts';
import { logBytes } from './log/list-logs.ts';
import { logDirectorySource } from './log-directory-source.ts';

const checkEveryMs = 100;

/**
 * Reads the logs under a folder, and then the records that are appended to them, until the signal aborts. Synced records are
 * read within a tenth of a second. Throws as `logDirectorySource` does.
 */
export function followedLog(options: BatchLimits & { readonly path: string }): EventSource {
  return { read: (stored, signal) => follow(options, stored, signal) };
}

async function* follow(
  options: BatchLimits & { readonly path: string },
  stored: readonly StoredPosition[],
  signal: AbortSignal,
): AsyncGenerator<RecordBatch> {
  const source = logDirectorySource({ ...options, kind: 'live' });
  const positions = new Map(stored.map(position => [partitionName(position.partition), position]));
  let seenBytes = -1;
  while (!signal.aborted) {
    // Measured before reading: bytes that are appended while this round reads are noticed in the next one.
    const bytes = await logBytes(options.path);
    if (bytes === seenBytes) {
      await pause(checkEveryMs, signal);
      continue;
    }
    seenBytes = bytes;
    for await (const batch of source.read([...positions.values()], signal)) {
      yield batch;
      positions.set(partitionName(batch.partition), {
        ...batch.next,
        partition: batch.partition,
        origin: batch.origin,
      });
    }
  }
}
