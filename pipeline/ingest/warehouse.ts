import type { Reject } from '../../schemas/events/events.ts';
import type { LogRecord, LostRecords, PartitionId, Position, StoredPosition } from '../ports.ts';
import type { ServiceFragments } from './fold.ts';

/** A record set aside because it cannot be understood. */
export interface QuarantinedRecord {
  readonly record: LogRecord;
  readonly reject: Reject;
  /** The schema that its value names, or its key; null where it names none. */
  readonly schemaId: number | null;
}

/** What is to be known of a batch of one partition when its rows are on their way. */
export interface BatchFacts {
  readonly partition: PartitionId;
  readonly origin: string;
  readonly from: number;
  readonly next: Position;
  readonly lost: LostRecords | null;
  /** Always `applied` + `quarantined`. */
  readonly recordsRead: number;
  readonly applied: number;
  readonly quarantined: number;
  /** The schemas its records were written with. */
  readonly schemaIds: readonly number[];
  /** Highest event time that may move the watermark; null when the batch has none. */
  readonly watermark: number | null;
  /** The log's own time of the last record; null where it keeps none. */
  readonly lastRecordTime: number | null;
}

/** A batch of one partition, folded: everything the warehouse stores in one transaction. */
export interface FoldedBatch {
  readonly facts: BatchFacts;
  readonly fragments: ReadonlyMap<string, ServiceFragments>;
  readonly rejects: readonly QuarantinedRecord[];
}

/** Where rows are kept. One process owns it. */
export interface Warehouse {
  /** Every partition's position, as of the last committed batch. */
  positions(): readonly StoredPosition[];
  /**
   * Stores rows, quarantine and position in one transaction: all or nothing, on disk when it resolves. It may be called
   * again before that: batches are stored one at a time, in the order of the calls, and what was handed over behind one
   * that fails fails with it. A batch of a known partition that does not begin exactly at the stored position is refused
   * with `STALE_BATCH` and changes nothing: whoever was late, paused or replaced cannot apply records twice. Rows and
   * rejects of a batch that waits for its turn are let go of: they were laid out when it was handed over.
   */
  store(batch: FoldedBatch): Promise<void>;
}
