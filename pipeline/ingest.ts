import { decodeRecord, type KeyFormat, type WriterSchemas } from '../schemas/decode.ts';
import { type Decoded, isReject } from '../schemas/decode-object.ts';
import type { Event } from '../schemas/events.ts';
import { listedSchemaId, SchemaLookup } from './decoding.ts';
import { Fold } from './fold.ts';
import type {
  Clock,
  EventSource,
  FoldedBatch,
  LogRecord,
  QuarantinedRecord,
  RecordBatch,
  SchemaRegistry,
  Warehouse,
} from './ports.ts';

export interface IngestOptions {
  readonly keyFormat: KeyFormat;
  /** Where Avro records have their schemas; without one all records are JSON. */
  readonly registry?: SchemaRegistry | null;
  /** An event this much later than its record's own time, or than now where the record has none, moves no watermark. */
  readonly skewMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called after each committed batch. */
  readonly onStored?: (batch: FoldedBatch, stored: StoredBatch) => void;
}

export interface StoredBatch {
  readonly bytesRead: number;
  /** How long its transaction took. */
  readonly milliseconds: number;
}

export interface Ingested {
  readonly recordsRead: number;
  readonly applied: number;
  readonly quarantined: number;
}

/**
 * Carries records from a source into the warehouse, exactly once: positions are stored in the transaction that stores
 * their rows, so a crash makes us read a batch again and never lose or double one. While one batch is being stored the
 * next is read and folded. Ends with the source, or between two transactions when the signal aborts. A transaction that
 * fails ends the reading at once, also of a source that has nothing to give for the moment.
 */
export async function ingest(source: EventSource, warehouse: Warehouse, options: IngestOptions): Promise<Ingested> {
  const total = { recordsRead: 0, applied: 0, quarantined: 0 };
  const lookup = new SchemaLookup(options.registry ?? null, options.keyFormat);
  const failed = new AbortController();
  let storing: Promise<void> = Promise.resolve();
  const store = async (folded: FoldedBatch, bytesRead: number): Promise<void> => {
    const began = options.clock.now();
    await warehouse.store(folded);
    total.recordsRead += folded.recordsRead;
    total.applied += folded.applied;
    total.quarantined += folded.quarantined.length;
    options.onStored?.(folded, { bytesRead, milliseconds: options.clock.now() - began });
  };
  const signal = AbortSignal.any([options.signal, failed.signal]);
  try {
    for await (const batch of source.read(warehouse.positions(), signal)) {
      const schemas = await lookup.named(batch.records, options.signal).catch(unlessAborted(options.signal));
      if (schemas === undefined) break;
      const folded = foldBatch(batch, { ...options, schemas });
      await storing;
      storing = store(folded, batch.bytesRead);
      // Awaited in the next turn, which an idle source may never give: its failure ends the reading.
      storing.catch(() => failed.abort());
    }
  } finally {
    await storing;
  }
  return total;
}

/** Undefined when it failed because we were told to stop: an end between two transactions, and no failure. */
function unlessAborted(signal: AbortSignal): (error: unknown) => undefined {
  return error => {
    if (!signal.aborted) throw error;
  };
}

export interface FoldOptions extends Pick<IngestOptions, 'keyFormat' | 'skewMs' | 'clock'> {
  /** The schemas that the batch's records name and that exist; without them all records are JSON. */
  readonly schemas?: WriterSchemas | null;
}

/** Decodes and folds one batch: every record is either applied or quarantined. */
export function foldBatch(batch: RecordBatch, options: FoldOptions): FoldedBatch {
  const format = { keyFormat: options.keyFormat, schemas: options.schemas ?? null };
  const fold = new Fold();
  const quarantined: QuarantinedRecord[] = [];
  let watermark: number | null = null;
  const now = options.clock.now();
  for (const record of batch.records) {
    const decoded: Decoded = decodeRecord(record, format);
    if (isReject(decoded)) {
      quarantined.push({ record, reject: decoded, schemaId: listedSchemaId(record, format) });
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
    schemaIds: [...(format.schemas?.keys() ?? [])],
    watermark,
    lastRecordTime: records.at(-1)?.timestamp ?? null,
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
