/** Reads sources the way ingestion does: what was yielded is kept, also when a failure follows. */
import type { EventSource, RecordBatch, StoredPosition } from '../../../pipeline/ports.ts';

export interface Outcome {
  readonly batches: readonly RecordBatch[];
  /** `<offset> <value>` of each record. */
  readonly lines: readonly string[];
  /** What the warehouse would hold afterwards. */
  readonly stored: readonly StoredPosition[];
  readonly failure: unknown;
}

export async function readAll(source: EventSource, stored: readonly StoredPosition[] = []): Promise<Outcome> {
  const batches: RecordBatch[] = [];
  let failure: unknown = null;
  try {
    for await (const batch of source.read(stored, new AbortController().signal)) batches.push(batch);
  } catch (error) {
    failure = error;
  }
  const records = batches.flatMap(batch => batch.records);
  const lines = records.map(({ offset, value }) => `${offset} ${Buffer.from(value ?? []).toString()}`);
  return { batches, lines, stored: batches.reduce(afterBatch, stored), failure };
}

/** The stored positions once a batch was stored. */
export function afterBatch(stored: readonly StoredPosition[], batch: RecordBatch): readonly StoredPosition[] {
  const { partition, origin, next } = batch;
  const others = stored.filter(
    ({ partition: of }) => of.topic !== partition.topic || of.partition !== partition.partition,
  );
  return [...others, { partition, origin, ...next, watermark: null }];
}
