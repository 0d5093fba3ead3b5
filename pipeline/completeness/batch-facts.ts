import type { LostRecords, PartitionId, Position, SourceKind } from '../ports.ts';

/** The facts of a folded batch of one partition, besides its rows. */
export interface BatchFacts {
  readonly partition: PartitionId;
  readonly origin: string;
  readonly kind: SourceKind;
  readonly from: number;
  readonly next: Position;
  readonly lost: LostRecords | null;
  /** Always `applied` + `quarantined`. */
  readonly recordsRead: number;
  readonly applied: number;
  readonly quarantined: number;
  /** The ids of the schemas that its records were written with. */
  readonly schemaIds: readonly number[];
  /** The highest time among its events that was not later than the clock as they were read; null when it has none. */
  readonly latestEvent: number | null;
  /** The log's own time of the first record, and of the last, in milliseconds; null where the log keeps none. */
  readonly firstRecordTime: number | null;
  readonly lastRecordTime: number | null;
  /** For the newest events: the record's time less the event's, at least 0, in milliseconds. */
  readonly lateness: readonly number[];
}
