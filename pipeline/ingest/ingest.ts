import { decodeRecord, type KeyFormat, type RecordFormat, type WriterSchemas } from '../../schemas/decode.ts';
import { isReject } from '../../schemas/events/decode-members.ts';
import type { Event } from '../../schemas/events/events.ts';
import type { Clock, EventSource, LogRecord, RecordBatch, SchemaRegistry } from '../ports.ts';
import { listedSchemaId, SchemaLookup, unlessAborted } from './decoding.ts';
import { Fold } from './fold.ts';
import type { BatchFacts, FoldedBatch, QuarantinedRecord, Warehouse } from './warehouse.ts';

export interface IngestOptions {
  readonly keyFormat: KeyFormat;
  /** Finds schemas of Avro records; without one all records are JSON. */
  readonly registry?: SchemaRegistry | null;
  /**
   * An event whose time is more than this after its record's own time (or after now, where the record has none) does not
   * move the watermark. In milliseconds.
   */
  readonly skewMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called after each committed batch. */
  readonly onStored?: (batch: BatchFacts, stored: StoredBatch) => void;
}

export interface StoredBatch {
  readonly bytesRead: number;
  /** Duration of its transaction. */
  readonly milliseconds: number;
}

export interface Ingested {
  readonly recordsRead: number;
  readonly applied: number;
  readonly quarantined: number;
}

/**
 * At most this many batches are given to the warehouse and not stored yet. Four are enough to go on reading and folding
 * while one waits for a checkpoint of the database; more would only take memory, as each holds its rows until it is stored.
 */
const maxBatchesAhead = 4;

/**
 * Stores the records of a source exactly once. The position is stored in the same transaction as the rows, so that after
 * a crash a batch is read again and never lost or doubled. While batches are being stored, the next are read and folded.
 * Ends with the source, or between two transactions when the signal aborts. A failed transaction ends the reading at
 * once, even while the source has nothing to read; its error is thrown.
 */
export async function ingest(source: EventSource, warehouse: Warehouse, options: IngestOptions): Promise<Ingested> {
  const total = { recordsRead: 0, applied: 0, quarantined: 0 };
  const lookup = new SchemaLookup(options.registry ?? null, options.keyFormat);
  const failed = new AbortController();
  let storing: readonly Promise<void>[] = [];
  let lastStoredAt = 0;
  /** While the batch waits and is stored, only its facts are kept here, to save memory. */
  const store = (batch: FoldedBatch, bytesRead: number): Promise<void> => {
    const { facts } = batch;
    const queuedAt = options.clock.now();
    return warehouse.store(batch).then(() => {
      const beganAt = Math.max(queuedAt, lastStoredAt);
      lastStoredAt = options.clock.now();
      total.recordsRead += facts.recordsRead;
      total.applied += facts.applied;
      total.quarantined += facts.quarantined;
      options.onStored?.(facts, { bytesRead, milliseconds: lastStoredAt - beganAt });
    });
  };
  const signal = AbortSignal.any([options.signal, failed.signal]);
  try {
    for await (const batch of source.read(warehouse.positions(), signal)) {
      const schemas = await lookup.schemasOf(batch.records, signal).catch(unlessAborted(signal));
      if (schemas === undefined) break;
      const folded = await foldInSlices(batch, { ...options, schemas });
      const next = store(folded, batch.bytesRead);
      // An idle source may never yield the batch after which this promise is awaited, so a failure ends the reading here.
      next.catch(() => failed.abort());
      storing = [...storing, next];
      if (storing.length < maxBatchesAhead) continue;
      await storing[0];
      storing = storing.slice(1);
    }
  } finally {
    // Batches queued behind a failed one fail too; Promise.all throws the first failure, which is the cause.
    await Promise.allSettled(storing);
    await Promise.all(storing);
  }
  return total;
}

interface FoldOptions extends Pick<IngestOptions, 'keyFormat' | 'skewMs' | 'clock'> {
  /** The schemas that the records of the batch carry and that exist; null where all records are JSON. */
  readonly schemas?: WriterSchemas | null;
}

/** Decodes and folds one batch: every record is either applied or quarantined. */
export function foldBatch(batch: RecordBatch, options: FoldOptions): FoldedBatch {
  const folding = new BatchFolding(batch, options);
  folding.take(0, batch.records.length);
  return folding.finish();
}

/** Records folded without a break: a few milliseconds of work. */
const sliceRecords = 2_000;

/** Like foldBatch, but lets other work of the process run between slices: database statements and HTTP requests. */
async function foldInSlices(batch: RecordBatch, options: FoldOptions): Promise<FoldedBatch> {
  const folding = new BatchFolding(batch, options);
  for (let from = 0; from < batch.records.length; from += sliceRecords) {
    folding.take(from, from + sliceRecords);
    await new Promise(resolve => setImmediate(resolve));
  }
  return folding.finish();
}

class BatchFolding {
  readonly #batch: RecordBatch;
  readonly #format: RecordFormat;
  readonly #skewMs: number;
  readonly #now: number;
  readonly #fold = new Fold();
  readonly #rejects: QuarantinedRecord[] = [];
  #watermark: number | null = null;

  constructor(batch: RecordBatch, { keyFormat, schemas, skewMs, clock }: FoldOptions) {
    this.#batch = batch;
    this.#format = { keyFormat, schemas: schemas ?? null };
    this.#skewMs = skewMs;
    this.#now = clock.now();
  }

  take(from: number, to: number): void {
    const { records } = this.#batch;
    for (let index = from; index < Math.min(to, records.length); index += 1) {
      const record = records.at(index)!;
      const decoded = decodeRecord(record, this.#format);
      if (isReject(decoded))
        this.#rejects.push({ record, reject: decoded, schemaId: listedSchemaId(record, this.#format) });
      else {
        this.#fold.apply(decoded);
        this.#moveWatermark(eventTime(decoded), record);
      }
    }
  }

  #moveWatermark(time: number | null, record: LogRecord): void {
    if (time === null || (this.#watermark !== null && time <= this.#watermark)) return;
    if (time <= referenceTime(record, this.#now) + this.#skewMs) this.#watermark = time;
  }

  finish(): FoldedBatch {
    const { partition, origin, from, next, lost = null, records } = this.#batch;
    const facts: BatchFacts = {
      partition,
      origin,
      from,
      next,
      lost,
      recordsRead: records.length,
      applied: records.length - this.#rejects.length,
      quarantined: this.#rejects.length,
      schemaIds: [...(this.#format.schemas?.keys() ?? [])],
      watermark: this.#watermark,
      lastRecordTime: records.at(-1)?.timestamp ?? null,
    };
    return { facts, fragments: this.#fold.fragments, rejects: this.#rejects };
  }
}

function eventTime(event: Event): number | null {
  if (event.kind === 'service.deleted') return null;
  return event.kind === 'extension.updated' ? event.timestamp : event.occasion.timestamp;
}

/** The time that an event's time is compared with: an event of the year 2099 is applied but must not move the watermark. */
function referenceTime({ timestamp }: LogRecord, now: number): number {
  return timestamp === null || timestamp < 0 ? now : timestamp;
}
