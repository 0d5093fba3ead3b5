import type { Sources } from '../../pipeline/completeness/sources.ts';
import type { Exporting } from '../../pipeline/export/export.ts';
import { withoutLog } from '../../pipeline/export/log-wait.ts';
import type { Snapshot } from '../../pipeline/export/snapshot.ts';
import type { Acceptance } from '../../pipeline/requests/accept.ts';
import { endedFile, followedTopic, liveSource, sourcesOf } from './event-sources.ts';
import type { MemoryExportDirectory } from './memory-export-directory.ts';
import type { MemoryRequestStore } from './memory-requests.ts';
import { noReplays } from './no-replays.ts';

export const now = Date.parse('2026-03-02T10:11:12.345Z');
export const given = { file_prefix: 'x_', time_from: '2026-03-01T00:00:00Z', manifest: 'true', compression: 'gzip' };
export const content = Buffer.from('a,b\nc,d\n');

const gap = { from: 3, to: 5, reason: 'deleted', watermark: now - 2_000, timeAfter: now - 1_000 };
const ids = { cluster: 'c-1', topic: 't-1' };
const lastRecord = { offset: 6, time: now - 4_000, sha256: 'ab'.repeat(32) };
/** A topic of which two partitions are declared and one of them is read, and a file that was read in two parts. */
export const sources: Sources = sourcesOf(
  [
    liveSource(0, { nextOffset: 7, bookmark: 'b', vouchedAt: now, gaps: [gap], quarantined: 2, ids, lastRecord }),
    liveSource(1, { assignedAt: null, firstOffset: 4, nextOffset: 9, firstTime: 1_000 }),
    liveSource(2, { firstOffset: null, nextOffset: null, recordsRead: 0, isListed: false, assignedAt: null }),
    endedFile('day', { latestEvent: now }),
  ],
  {
    topics: [followedTopic({ declared: [0, 1], partitions: 6, listedAt: now })],
    readings: [
      { partition: { topic: 'day', partition: 0 }, from: 0, next: 6 },
      { partition: { topic: 'day', partition: 0 }, from: 6, next: 10 },
    ],
    decodings: [{ keyFormat: 'string', maxRecordBytes: null, hasRegistry: true }],
    coversUntil: now - 5_000,
  },
);

/** Two rows in each file. */
export const snapshot: Snapshot = {
  sources,
  batch: 12,
  schemaIds: [3, 17],
  interrupt: () => undefined,
  splitServices: 0,
  servicesWithoutStart: 4,
  write: async (_kind, sink) => {
    await sink(content);
    return { rows: 2, columns: ['first', 'second'], valuesLeftOut: 3 };
  },
  close: async () => undefined,
};

/** What accepting and running an export needs, over a store and a directory in memory. */
export function memoryExporting(store: MemoryRequestStore, directory: MemoryExportDirectory): Exporting & Acceptance {
  return {
    store,
    directory,
    clock: { now: () => now },
    snapshots: { snapshot: async () => snapshot },
    ...withoutLog,
    replays: noReplays,
    contradictions: { watch: () => undefined, unwatch: () => undefined },
    lateness: { allowedMs: 1_000, clockMs: 3_000 },
    skewMs: 0,
    software: 'tidemark 1.2.3',
    signal: new AbortController().signal,
  };
}
