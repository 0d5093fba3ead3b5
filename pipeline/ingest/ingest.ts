import type { KeyFormat } from '../../schemas/cures.ts';
import type { RejectReason } from '../../schemas/events/events.ts';
import type { BatchFacts } from '../completeness/batch-facts.ts';
import { codeOf } from '../errors.ts';
import type { Clock, EventSource, SchemaRegistry } from '../ports.ts';
import { foldInSlices } from './batch-folding.ts';
import { BatchGroup, type GroupedBatch } from './batch-group.ts';
import { SchemaLookup, unlessAborted } from './decoding.ts';
import { type HoldOptions, Holds } from './holds.ts';
import type { QuarantinedRecord, ReadingStore, Warehouse } from './warehouse.ts';

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
  /**
   * Called when memory cannot hold a batch. Returns the source that goes on from the stored positions in smaller batches, or
   * null when they cannot be smaller; without it the reading ends.
   */
  readonly shrink?: () => EventSource | null;
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
 * once, even while the source has nothing to read; its error is thrown, unless smaller batches may help (`shrink`).
 */
export async function ingest(source: EventSource, warehouse: ReadingStore, options: IngestOptions): Promise<Ingested> {
  const total = { recordsRead: 0, applied: 0, quarantined: 0 };
  for (let reading = source; ; ) {
    try {
      await ingestFrom(reading, warehouse, options, total);
      return total;
    } catch (error) {
      const smaller = codeOf(error) === 'OUT_OF_MEMORY' ? options.shrink?.() : null;
      if (smaller === null || smaller === undefined) throw error;
      reading = smaller;
    }
  }
}

async function ingestFrom(
  source: EventSource,
  warehouse: ReadingStore,
  options: IngestOptions,
  total: Counts,
): Promise<void> {
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
    for await (const batch of source.read(warehouse.beginReading(), signal)) {
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
    // Batches behind a failed one fail too; Promise.all throws the first failure, which is the cause.
    await Promise.allSettled(storing);
    await Promise.all(storing);
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
