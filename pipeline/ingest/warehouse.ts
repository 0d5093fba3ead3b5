import type { Reject } from '../../schemas/events/events.ts';
import type { BatchFacts } from '../completeness/batch-facts.ts';
import type { WatchedWindow } from '../completeness/contradictions.ts';
import type { Sources } from '../completeness/sources.ts';
import type { Timeline } from '../completeness/timeline.ts';
import type { LogRecord, StoredPosition } from '../ports.ts';
import type { ServiceFragments } from './fold.ts';

/** A record that cannot be decoded, and why. */
export interface QuarantinedRecord {
  readonly record: LogRecord;
  readonly reject: Reject;
  /** The schema id in its value, else in its key; null where there is none. */
  readonly schemaId: number | null;
}

/** A folded batch of one partition: everything that one transaction stores. */
export interface FoldedBatch {
  readonly facts: BatchFacts;
  readonly fragments: ReadonlyMap<string, ServiceFragments>;
  readonly rejects: readonly QuarantinedRecord[];
  readonly timeline: Timeline;
}

/** A pure change of the sources. It may be applied again to sources that changed meanwhile in another way. */
export type SourcesChange = (sources: Sources) => Sources;

/** Stores rows. One process at a time owns it. */
export interface Warehouse {
  /** Every partition's position, as of the last committed batch. */
  positions(): readonly StoredPosition[];
  /** The positions at which a reading has to begin. After a call of `store` has failed, batches are stored again from here on. */
  beginReading(): readonly StoredPosition[];
  /** What is known of every source, as of the last committed batch and the last change. */
  sources(): Sources;
  /**
   * Changes the sources in memory only. The changes of a partition are stored with its next batch, all others with the
   * next `record`; a crash before that loses them, which only makes windows complete later.
   */
  note(change: SourcesChange): void;
  /** Changes the sources in one transaction, together with everything noted before; on disk when it resolves. */
  record(change: SourcesChange): Promise<void>;
  /**
   * Begins to watch a window: every batch stored from now on that contradicts it is recorded in the batch's transaction
   * (contract 4.29). To be called before the export's snapshot is opened, so that no batch is missed in between.
   */
  watch(window: WatchedWindow): void;
  /** Ends the watch, for an export that is provisional or that failed. */
  unwatch(requestId: string): void;
  /**
   * Stores rows, quarantined records and positions in one transaction, on disk when it resolves; returns the exports that
   * the batches contradict. They must be of different partitions and have no service in common. It may be called again
   * before that: calls are served one at a time, in their order. When one fails, every later one fails with the same error
   * until `beginReading` is called; otherwise a new partition's second batch would be taken for its first. When a batch does not begin exactly at the
   * stored position of its partition, all are refused with `STALE_BATCH` and change nothing, so that a process that was
   * frozen or replaced cannot apply records twice. The fragments are copied during the call, so the caller may drop them
   * when it returns.
   */
  store(...batches: readonly FoldedBatch[]): Promise<readonly string[]>;
}

/** What reading a log needs of the warehouse. */
export type ReadingStore = Pick<Warehouse, 'positions' | 'beginReading' | 'store'>;
