import { decodeJsonRecord, type KeyFormat } from '../schemas/decode.ts';
import { type Decoded, isReject } from '../schemas/decode-object.ts';
import type { Event } from '../schemas/events.ts';
import { Fold } from './fold.ts';
import type { Clock, EventSource, FoldedBatch, LogRecord, QuarantinedRecord, RecordBatch, Warehouse } from './ports.ts';

export interface IngestOptions {
  readonly keyFormat: KeyFormat;
  /** An event this much later than its record's own time, or than now where the record has none, moves no watermark. */
  readonly skewMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called after each committed batch. */
  readonly onStored?: (batch: FoldedBatch, bytesRead: number) => void;
}

export interface Ingested {
  readonly recordsRead: number;
  readonly applied: number;
  readonly quarantined: number;
}

/**
 * Carries records from a source into the warehouse, exactly once: positions are stored in the transaction that stores
 * their rows, so a crash makes us read a batch again and never lose or double one. While one batch is being stored the
 * next is read and folded. Ends with the source, or between two transactions when the signal aborts.
 */
export async function ingest(source: EventSource, warehouse: Warehouse, options: IngestOptions): Promise<Ingested> {
  const total = { recordsRead: 0, applied: 0, quarantined: 0 };
  let storing: Promise<void> = Promise.resolve();
  const store = async (folded: FoldedBatch, bytesRead: number): Promise<void> => {
    await warehouse.store(folded);
    total.recordsRead += folded.recordsRead;
    total.applied += folded.applied;
    total.quarantined += folded.quarantined.length;
    options.onStored?.(folded, bytesRead);
  };
  try {
    for await (const batch of source.read(warehouse.positions(), options.signal)) {
      const folded = foldBatch(batch, options);
      await storing;
      storing = store(folded, batch.bytesRead);
      // Awaited in the next turn; until then a failure must not count as unhandled.
      storing.catch(() => undefined);
    }
  } finally {
    await storing;
  }
  return total;
}

/** Decodes and folds one batch: every record is either applied or quarantined. */
export function foldBatch(
  batch: RecordBatch,
  options: Pick<IngestOptions, 'keyFormat' | 'skewMs' | 'clock'>,
): FoldedBatch {
  const fold = new Fold();
  const quarantined: QuarantinedRecord[] = [];
  let watermark: number | null = null;
  const now = options.clock.now();
  for (const record of batch.records) {
    const decoded: Decoded = decodeJsonRecord(record, options.keyFormat);
    if (isReject(decoded)) {
      quarantined.push({ record, reject: decoded });
      continue;
    }
    fold.apply(decoded);
    const time = eventTime(decoded);
    if (
      time !== null &&
      (watermark === null || time > watermark) &&
      time <= latestPlausible(record, now) + options.skewMs
    ) {
      watermark = time;
    }
  }
  const { partition, origin, from, next, lost = null, records } = batch;
  const applied = records.length - quarantined.length;
  return {
    partition,
    origin,
    from,
    next,
    lost,
    recordsRead: records.length,
    applied,
    families: fold.families,
    quarantined,
    watermark,
  };
}

function eventTime(event: Event): number | null {
  if (event.kind === 'service.deleted') return null;
  return event.kind === 'extension.updated' ? event.timestamp : event.occasion.timestamp;
}

/** An event of the year 2099 is applied, but must not make us believe that all before it has come. */
function latestPlausible({ timestamp }: LogRecord, now: number): number {
  return timestamp === null || timestamp < 0 ? now : timestamp;
}
