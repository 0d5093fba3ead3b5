import type { BatchFacts } from '../../pipeline/completeness/batch-facts.ts';
import { withBatch } from '../../pipeline/completeness/changes.ts';
import {
  type FollowedTopic,
  newSource,
  noSources,
  type Source,
  type Sources,
} from '../../pipeline/completeness/sources.ts';
import { partitionName } from '../../pipeline/partition.ts';

/** A partition of the topic `calls` that this process reads from offset 0, with 10 records stored. */
export function liveSource(partition: number, changes: Partial<Source> = {}): Source {
  return {
    ...newSource({ topic: 'calls', partition }, 'kafka', 'live'),
    ...{ isListed: true, assignedAt: 0, firstOffset: 0, nextOffset: 10, recordsRead: 10, applied: 10 },
    ...changes,
  };
}

/** A file that `ingest` read to its end, with 10 records. */
export function endedFile(topic: string, changes: Partial<Source> = {}): Source {
  return {
    ...newSource({ topic, partition: 0 }, `/data/${topic}.ndjson`, 'file'),
    ...{ firstOffset: 0, nextOffset: 10, recordsRead: 10, applied: 10, end: { by: 'ingest' } },
    ...changes,
  };
}

/** A topic without a fixed list of partitions. */
export function followedTopic(changes: Partial<FollowedTopic> = {}): FollowedTopic {
  return { topic: 'calls', declared: null, partitions: 1, listedAt: null, end: null, ...changes };
}

export function sourcesOf(all: readonly Source[], changes: Partial<Sources> = {}): Sources {
  const partitions = new Map(all.map(source => [partitionName(source.partition), source]));
  return { ...noSources, partitions, ...changes };
}

/** The facts of a batch of 5 records of the partition `calls/0`, from offset 10 on. */
export function batchFacts(changes: Partial<BatchFacts> = {}): BatchFacts {
  return {
    ...{ partition: { topic: 'calls', partition: 0 }, origin: 'kafka', kind: 'live' },
    ...{ from: 10, next: { nextOffset: 15, bookmark: null }, lost: null },
    ...{ recordsRead: 5, applied: 4, quarantined: 1, schemaIds: [] },
    ...{ latestEvent: null, firstRecordTime: null, lastRecordTime: null, lastRecord: null, lateness: [] },
    ids: null,
    decoding: { keyFormat: 'string', maxRecordBytes: null, hasRegistry: false },
    ...changes,
  };
}

/** The sources after a batch of `calls/0`, unless the facts say another, was stored with a lateness of 10 s. */
export function afterBatch(sources: Sources, changes: Partial<BatchFacts> = {}): Sources {
  return withBatch(sources, batchFacts(changes), { allowedMs: 3_000, clockMs: 10_000 });
}
