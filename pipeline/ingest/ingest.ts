import type { KeyFormat } from '../../schemas/cures.ts';
import { decodeRecord, misfitOf, type RecordFormat, type WriterSchemas } from '../../schemas/decode.ts';
import { isReject } from '../../schemas/events/decode-members.ts';
import type { Event, RejectReason } from '../../schemas/events/events.ts';
import type { BatchFacts } from '../completeness/batch-facts.ts';
import { Timeline } from '../completeness/timeline.ts';
import type { Clock, EventSource, LogRecord, RecordBatch, SchemaRegistry } from '../ports.ts';
import { BatchGroup, type GroupedBatch } from './batch-group.ts';
import { quarantined, SchemaLookup, unlessAborted } from './decoding.ts';
import { Fold } from './fold.ts';
import { type HoldOptions, Holds } from './holds.ts';
import type { FoundMisfit } from './misfits.ts';
import type { FoldedBatch, QuarantinedRecord, Warehouse } from './warehouse.ts';

export interface IngestOptions {
  readonly keyFormat: KeyFormat;
  /** A larger record is quarantined, in bytes of key and value together; absent: none is too large. */
  readonly maxRecordBytes?: number;
  /** Finds schemas of Avro records; without one all records are JSON. */
  readonly registry?: SchemaRegistry | null;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Makes partitions wait whose records seem not to fit the configuration; without it nothing waits. */
  readonly hold?: HoldOptions;
  /** How long a small batch waits for others, to be stored with them, in milliseconds; absent: not at all. */
  readonly gatherMs?: number;
  /** Called after each transaction. */
  readonly onStored?: (stored: StoredGroup) => void;
}

/** The batches of one transaction, each of another partition. */
export interface StoredGroup {
  readonly batches: readonly StoredBatch[];
  /** Duration of the transaction. */
  readonly milliseconds: number;
  /** The exports that the batches contradicted. */
  readonly contradicted: readonly string[];
}

export interface StoredBatch {
  readonly facts: BatchFacts;
  readonly bytesRead: number;
  /** The quarantined records by reason. */
  readonly rejected: ReadonlyMap<RejectReason, number>;
}

interface Counts {
  recordsRead: number;
  applied: number;
  quarantined: number;
}

export type Ingested = Readonly<Counts>;

/**
 * At most this many groups of batches are given to the warehouse and not stored yet. Four are enough to go on reading and
 * folding while one waits for a checkpoint of the database; more would only take memory, as each holds its rows until it is
 * stored.
 */
const maxGroupsAhead = 4;

/**
 * Stores the records of a source exactly once. The position is stored in the same transaction as the rows, so that after
 * a crash a batch is read again and never lost or doubled. While batches are being stored, the next are read and folded.
 * Ends with the source, or between two transactions when the signal aborts. A failed transaction ends the reading at
 * once, even while the source has nothing to read; its error is thrown.
 */
export async function ingest(
  source: EventSource,
  warehouse: Pick<Warehouse, 'positions' | 'store'>,
  options: IngestOptions,
): Promise<Ingested> {
  const total = { recordsRead: 0, applied: 0, quarantined: 0 };
  const lookup = new SchemaLookup(options.registry ?? null, options.keyFormat);
  const failed = new AbortController();
  let storing: readonly Promise<void>[] = [];
  let lastStoredAt = 0;
  const holds = options.hold === undefined ? null : new Holds(options.hold);
  const group = new BatchGroup(options.gatherMs ?? 0, gathered => {
    // While the batches wait and are stored, only their facts are kept here, to save memory.
    const batches = gathered.map(({ folded: { facts, rejects }, bytesRead }): StoredBatch => {
      return { facts, bytesRead, rejected: countReasons(rejects) };
    });
    const queuedAt = options.clock.now();
    const stored = storeAll(warehouse, gathered).then(contradicted => {
      const beganAt = Math.max(queuedAt, lastStoredAt);
      lastStoredAt = options.clock.now();
      for (const { facts } of batches) addCounts(total, facts);
      options.onStored?.({ batches, milliseconds: lastStoredAt - beganAt, contradicted });
    });
    // An idle source may never yield the batch after which this promise is awaited, so a failure ends the reading here.
    stored.catch(() => failed.abort());
    storing = [...storing, stored];
  });
  const signal = AbortSignal.any([options.signal, failed.signal]);
  try {
    for await (const batch of source.read(warehouse.positions(), signal)) {
      const schemas = await lookup.schemasOf(batch.records, signal).catch(unlessAborted(signal));
      if (schemas === undefined) break;
      const { folded, misfits } = await foldInSlices(batch, { ...options, schemas });
      if (holds?.mustWait(batch, misfits)) {
        group.flush();
        await Promise.all(storing);
        holds.readAgain(batch, warehouse.positions());
        continue;
      }
      group.add({ folded, bytesRead: batch.bytesRead });
      while (storing.length >= maxGroupsAhead) {
        await storing[0];
        storing = storing.slice(1);
      }
    }
  } finally {
    if (failed.signal.aborted) group.drop();
    else group.flush();
    // Batches queued behind a failed one fail too; Promise.all throws the first failure, which is the cause.
    await Promise.allSettled(storing);
    await Promise.all(storing);
  }
  return total;
}

interface FoldOptions extends Pick<IngestOptions, 'keyFormat' | 'maxRecordBytes' | 'clock'> {
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

/**
 * Like foldBatch, but lets other work of the process run between slices: database statements and HTTP requests. Returns also
 * the records that seem not to fit the configuration.
 */
async function foldInSlices(batch: RecordBatch, options: FoldOptions) {
  const folding = new BatchFolding(batch, options);
  for (let from = 0; from < batch.records.length; from += sliceRecords) {
    folding.take(from, from + sliceRecords);
    await new Promise(resolve => setImmediate(resolve));
  }
  return { folded: folding.finish(), misfits: folding.misfits };
}

/** Of a batch, the lateness of this many of its newest events is kept. */
const latenessEvents = 10_000;

class BatchFolding {
  readonly #batch: RecordBatch;
  readonly #format: RecordFormat;
  readonly #now: number;
  readonly #fold = new Fold();
  readonly #timeline = new Timeline();
  readonly #rejects: QuarantinedRecord[] = [];
  readonly #lateness: number[] = [];
  #latestEvent: number | null = null;
  readonly misfits: FoundMisfit[] = [];

  constructor(batch: RecordBatch, { keyFormat, maxRecordBytes, schemas, clock }: FoldOptions) {
    this.#batch = batch;
    this.#format = { keyFormat, maxRecordBytes, schemas: schemas ?? null };
    this.#now = clock.now();
  }

  take(from: number, to: number): void {
    const { records } = this.#batch;
    for (let index = from; index < Math.min(to, records.length); index += 1) {
      const record = records.at(index)!;
      const decoded = decodeRecord(record, this.#format);
      if (isReject(decoded)) {
        this.#rejects.push(quarantined(record, decoded, this.#format));
        const kind = misfitOf(record, decoded, this.#format);
        if (kind !== null) this.misfits.push({ index, kind });
      } else {
        this.#fold.apply(decoded);
        this.#noteTime(decoded, record);
      }
    }
  }

  #noteTime(event: Event, record: LogRecord): void {
    const { offset } = record;
    if (event.kind === 'service.deleted') {
      this.#timeline.add(event.service_id, offset, null, 'deletion');
      return;
    }
    const recorded = timeOf(record);
    const own = event.kind === 'extension.updated' ? event.timestamp : event.occasion.timestamp;
    const time = own ?? recorded;
    const sets = event.kind === 'service.started' ? 'start' : event.kind === 'service.completed' ? 'end' : null;
    this.#timeline.add(event.service_id, offset, time, sets);
    if (time === null) return;
    // An event of the year 2099 is applied, but says nothing about the events before it.
    if (time <= this.#now && (this.#latestEvent === null || time > this.#latestEvent)) this.#latestEvent = time;
    if (recorded !== null) this.#lateness.push(Math.max(recorded - time, 0));
  }

  finish(): FoldedBatch {
    const { partition, origin, kind, from, next, lost = null, records } = this.#batch;
    const [first, last] = [records.at(0), records.at(-1)];
    const facts: BatchFacts = {
      ...{ partition, origin, kind, from, next, lost },
      recordsRead: records.length,
      applied: records.length - this.#rejects.length,
      quarantined: this.#rejects.length,
      schemaIds: [...(this.#format.schemas?.keys() ?? [])],
      latestEvent: this.#latestEvent,
      firstRecordTime: first === undefined ? null : timeOf(first),
      lastRecordTime: last === undefined ? null : timeOf(last),
      lateness: this.#lateness.slice(-latenessEvents),
    };
    return { facts, fragments: this.#fold.fragments, rejects: this.#rejects, timeline: this.#timeline };
  }
}

/** A failure to begin rejects, too. It must not wait for anything itself, as it would keep the batches in memory meanwhile. */
async function storeAll(warehouse: Pick<Warehouse, 'store'>, batches: readonly GroupedBatch[]) {
  return warehouse.store(...batches.map(({ folded }) => folded));
}

function addCounts(total: Counts, { recordsRead, applied, quarantined }: BatchFacts): void {
  total.recordsRead += recordsRead;
  total.applied += applied;
  total.quarantined += quarantined;
}

function countReasons(rejects: readonly QuarantinedRecord[]): ReadonlyMap<RejectReason, number> {
  const counts = new Map<RejectReason, number>();
  for (const { reject } of rejects) counts.set(reject.reason, (counts.get(reject.reason) ?? 0) + 1);
  return counts;
}

/** The log's own time of a record; null where it keeps none, which old producers write as a negative number. */
function timeOf({ timestamp }: LogRecord): number | null {
  return timestamp === null || timestamp < 0 ? null : timestamp;
}
