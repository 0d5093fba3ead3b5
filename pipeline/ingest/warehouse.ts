import type { Reject } from '../../schemas/events/events.ts';
import type { LogRecord, LostRecords, PartitionId, Position, StoredPosition } from '../ports.ts';
import type { ServiceFragments } from './fold.ts';

/** A record that cannot be decoded, and why. */
export interface QuarantinedRecord {
  readonly record: LogRecord;
  readonly reject: Reject;
  /** The schema id in its value, else in its key; null where there is none. */
  readonly schemaId: number | null;
}

/** The facts of a batch of one partition, besides its rows. */
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
  /** The ids of the schemas that its records were written with. */
  readonly schemaIds: readonly number[];
  /** Highest event time that may move the watermark; null when the batch has none. */
  readonly watermark: number | null;
  /** The log's own time of the last record, in milliseconds; null where the log keeps none. */
  readonly lastRecordTime: number | null;
}

/** A folded batch of one partition: everything that one transaction stores. */
export interface FoldedBatch {
  readonly facts: BatchFacts;
  readonly fragments: ReadonlyMap<string, ServiceFragments>;
  readonly rejects: readonly QuarantinedRecord[];
}

/** Stores rows. One process at a time owns it. */
export interface Warehouse {
  /** Every partition's position, as of the last committed batch. */
  positions(): readonly StoredPosition[];
  /**
   * Stores rows, quarantined records and position in one transaction, on disk when it resolves. It may be called again
   * before that: batches are stored one at a time, in the order of the calls. When a batch fails, those queued behind it
   * fail too; otherwise a new partition's second batch would be taken for its first. A batch that does not begin exactly
   * at the stored position of its partition is refused with `STALE_BATCH` and changes nothing, so that a process that was
   * frozen or replaced cannot apply records twice. The fragments are copied during the call, so the caller may drop them
   * when it returns.
   */
  store(batch: FoldedBatch): Promise<void>;
}
