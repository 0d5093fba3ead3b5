import { TidemarkError } from '../../pipeline/errors.ts';
import { isSamePartition } from '../../pipeline/partition.ts';
import type {
  BatchLimits,
  EventSource,
  LogRecord,
  PartitionId,
  RecordBatch,
  StoredPosition,
} from '../../pipeline/ports.ts';

export interface MemoryPartition {
  readonly partition: PartitionId;
  /** In offset order; offsets need not be dense. */
  readonly records: readonly LogRecord[];
}

export interface MemorySourceOptions extends Partial<BatchLimits> {
  readonly partitions: readonly MemoryPartition[];
}

/**
 * An event source over records in memory, for tests and demonstrations: partition by partition, each to its end.
 * Throws `SOURCE_CHANGED` when a stored position lies beyond the last record or below the first.
 */
export function memorySource({ partitions, ...limits }: MemorySourceOptions): EventSource {
  const { batchRecords = 1_000, batchBytes = 1024 * 1024 } = limits;
  return {
    async *read(stored, signal) {
      for (const { partition, records } of partitions) {
        const nextOffset = findPosition(partition, stored)?.nextOffset ?? 0;
        checkPosition(partition, records, findPosition(partition, stored));
        const rest = records.filter(({ offset }) => offset >= nextOffset);
        let from = nextOffset;
        for (const batch of cut(partition, rest, { batchRecords, batchBytes })) {
          if (signal.aborted) return;
          yield { ...batch, from };
          from = batch.next.nextOffset;
        }
      }
    },
  };
}

function findPosition(wanted: PartitionId, stored: readonly StoredPosition[]): StoredPosition | undefined {
  return stored.find(({ partition }) => isSamePartition(partition, wanted));
}

function checkPosition(
  partition: PartitionId,
  records: readonly LogRecord[],
  stored: StoredPosition | undefined,
): void {
  if (stored === undefined) return;
  const low = records[0]?.offset ?? 0;
  const high = (records.at(-1)?.offset ?? -1) + 1;
  if (stored.nextOffset >= low && stored.nextOffset <= high) return;
  const name = `${partition.topic}-${partition.partition}`;
  const problem = `${stored.nextOffset} was to be read next of ${name}, which holds the offsets from ${low} below ${high}`;
  throw new TidemarkError('SOURCE_CHANGED', `${problem}; give the records it held before`);
}

function* cut(
  partition: PartitionId,
  records: readonly LogRecord[],
  limits: BatchLimits,
): Generator<Omit<RecordBatch, 'from'>> {
  let from = 0;
  while (from < records.length) {
    let to = from;
    let bytesRead = 0;
    while (to < records.length && to - from < limits.batchRecords) {
      const bytes = contentBytes(records[to]);
      if (to > from && bytesRead + bytes > limits.batchBytes) break;
      bytesRead += bytes;
      to += 1;
    }
    const taken = records.slice(from, to);
    const next = { nextOffset: (taken.at(-1)?.offset ?? -1) + 1, bookmark: null };
    yield { partition, kind: 'live', origin: 'memory', records: taken, next, bytesRead };
    from = to;
  }
}

function contentBytes(record: LogRecord | undefined): number {
  return (record?.key?.length ?? 0) + (record?.value?.length ?? 0);
}
