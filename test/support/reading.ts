import { partitionName } from '../../pipeline/partition.ts';
import type { EventSource, LogRecord, LogRecords, RecordBatch, StoredPosition } from '../../pipeline/ports.ts';

/** A batch whose records were all made, so that they can be compared. */
export interface ReadBatch extends RecordBatch {
  readonly records: readonly LogRecord[];
}

export interface WholeReading {
  readonly batches: readonly ReadBatch[];
  readonly records: readonly LogRecord[];
  /** What ended the reading early; null when it came to its end. */
  readonly failure: unknown;
}

/** Records as objects of nothing but what they hold. */
export function plainRecords(records: LogRecords): readonly LogRecord[] {
  return Array.from(records, ({ offset, timestamp, key, value, headers }) => ({
    offset,
    timestamp,
    key,
    value,
    headers,
  }));
}

/** Reads a source to its end, or to what ends it early. */
export async function readToEnd(source: EventSource, stored: readonly StoredPosition[] = []): Promise<WholeReading> {
  const batches: ReadBatch[] = [];
  let failure: unknown = null;
  try {
    for await (const batch of source.read(stored, new AbortController().signal))
      batches.push({ ...batch, records: plainRecords(batch.records) });
  } catch (error) {
    failure = error;
  }
  return { batches, records: batches.flatMap(({ records }) => records), failure };
}

/** Reads a source that has no reason to fail. */
export async function readAll(
  source: EventSource,
  stored: readonly StoredPosition[] = [],
): Promise<readonly ReadBatch[]> {
  const { batches, failure } = await readToEnd(source, stored);
  if (failure !== null) throw failure;
  return batches;
}

/** The positions a store holds after it has taken the batches. */
export function positionsAfter(batches: readonly RecordBatch[]): readonly StoredPosition[] {
  const positions = new Map<string, StoredPosition>();
  for (const { partition, origin, next } of batches) {
    positions.set(partitionName(partition), { ...next, partition, origin });
  }
  return [...positions.values()];
}
