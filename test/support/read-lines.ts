/** Reads a source of lines the way ingestion does: what was yielded is kept, also when a failure follows. */
import type { EventSource, RecordBatch, StoredPosition } from '../../pipeline/ports.ts';
import { positionsAfter, readToEnd } from './reading.ts';

export interface ReadLines {
  readonly batches: readonly RecordBatch[];
  /** `<offset> <value>` of each record. */
  readonly lines: readonly string[];
  /** What a store would hold afterwards. */
  readonly stored: readonly StoredPosition[];
  readonly failure: unknown;
}

export async function readLines(source: EventSource, stored: readonly StoredPosition[] = []): Promise<ReadLines> {
  const { batches, records, failure } = await readToEnd(source, stored);
  const lines = records.map(({ offset, value }) => `${offset} ${Buffer.from(value ?? []).toString()}`);
  const after = positionsAfter(batches);
  const topics = new Set(after.map(({ partition }) => partition.topic));
  const others = stored.filter(({ partition }) => !topics.has(partition.topic));
  return { batches, lines, stored: [...others, ...after], failure };
}
