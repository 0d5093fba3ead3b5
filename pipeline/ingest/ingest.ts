import { decodeRecord, type KeyFormat, type RecordFormat, type WriterSchemas } from '../../schemas/decode.ts';
import { isReject } from '../../schemas/events/decode-members.ts';
import type { Event } from '../../schemas/events/events.ts';
import type { Clock, EventSource, LogRecord, RecordBatch, SchemaRegistry } from '../ports.ts';
import { listedSchemaId, SchemaLookup, unlessAborted } from './decoding.ts';
import { Fold } from './fold.ts';
import type { BatchFacts, FoldedBatch, QuarantinedRecord, Warehouse } from './warehouse.ts';

export interface IngestOptions {
  readonly keyFormat: KeyFormat;
  /** Where Avro records have their schemas; without one all records are JSON. */
  readonly registry?: SchemaRegistry | null;
  /** An event this much later than its record's own time, or than now where the record has none, moves no watermark. */
  readonly skewMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called after each committed batch. */
  readonly onStored?: (batch: BatchFacts, stored: StoredBatch) => void;
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
 * Batches that the warehouse has at most and has not stored. Enough for what is read and folded while one of them waits
 * for a checkpoint of the database; what each holds meanwhile is its rows.
 */
const maxBatchesAhead = 4;

/**
 * Carries records from a source into the warehouse, exactly once: positions are stored in the transaction that stores
 * their rows, so a crash makes us read a batch again and never lose or double one. While batches are being stored
 * the next are read, folded and laid out. Ends with the source, or between two transactions when the signal aborts. A
 * transaction that fails ends the reading at once, also of a source that has nothing to give for the moment.
 */
export async function ingest(source: EventSource, warehouse: Warehouse, options: IngestOptions): Promise<Ingested> {
  const total = { recordsRead: 0, applied: 0, quarantined: 0 };
  const lookup = new SchemaLookup(options.registry ?? null, options.keyFormat);
  const failed = new AbortController();
  let storing: readonly Promise<void>[] = [];
  let lastStored = 0;
  /** Keeps nothing of the batch but its facts, for as long as it waits and is stored. */
  const store = (batch: FoldedBatch, bytesRead: number): Promise<void> => {
    const { facts } = batch;
    const asked = options.clock.now();
    return warehouse.store(batch).then(() => {
      const began = Math.max(asked, lastStored);
      lastStored = options.clock.now();
      total.recordsRead += facts.recordsRead;
      total.applied += facts.applied;
      total.quarantined += facts.quarantined;
      options.onStored?.(facts, { bytesRead, milliseconds: lastStored - began });
    });
  };
  const signal = AbortSignal.any([options.signal, failed.signal]);
  try {
    for await (const batch of source.read(warehouse.positions(), signal)) {
      const schemas = await lookup.named(batch.records, signal).catch(unlessAborted(signal));
      if (schemas === undefined) break;
      const folded = await foldInSlices(batch, { ...options, schemas });
      const next = store(folded, batch.bytesRead);
      // Awaited in a later turn, which an idle source may never give: its failure ends the reading.
      next.catch(() => failed.abort());
      storing = [...storing, next];
      if (storing.length < maxBatchesAhead) continue;
      await storing[0];
      storing = storing.slice(1);
    }
  } finally {
    // The first failure is the cause: what stands in line behind it fails with it.
    await Promise.allSettled(storing);
    await Promise.all(storing);
  }
  return total;
}

interface FoldOptions extends Pick<IngestOptions, 'keyFormat' | 'skewMs' | 'clock'> {
  /** The schemas that the batch's records name and that exist; without them all records are JSON. */
  readonly schemas?: WriterSchemas | null;
}

/** Decodes and folds one batch: every record is either applied or quarantined. */
export function foldBatch(batch: RecordBatch, options: FoldOptions): FoldedBatch {
  const folding = new BatchFolding(batch, options);
  folding.take(0, batch.records.length);
  return folding.finish();
}

/** So many records are folded in a few milliseconds. */
const sliceRecords = 2_000;

/** As foldBatch. Between slices others have their turn: the database's next statement, and whoever asks over HTTP. */
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
        this.#watch(eventTime(decoded), record);
      }
    }
  }

  #watch(time: number | null, record: LogRecord): void {
    if (time === null || (this.#watermark !== null && time <= this.#watermark)) return;
    if (time <= latestPlausible(record, this.#now) + this.#skewMs) this.#watermark = time;
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

/** An event of the year 2099 is applied, but must not make us believe that all before it has come. */
function latestPlausible({ timestamp }: LogRecord, now: number): number {
  return timestamp === null || timestamp < 0 ? now : timestamp;
}
