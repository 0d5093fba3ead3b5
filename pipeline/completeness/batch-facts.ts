import type { KeyFormat } from '../../schemas/cures.ts';
import type { ClusterIds, LostRecords, PartitionId, Position, SourceKind } from '../ports.ts';

/** One record of a log, by which it can be recognized. */
export interface RecordMark {
  readonly offset: number;
  /** The log's own time of the record, in milliseconds since 1970 UTC; null where it keeps none. */
  readonly time: number | null;
  /** As `recordSha256` makes it; of a file's line, as `lineSha256` does. */
  readonly sha256: string;
}

/** The settings on which it depends what rows a record makes. */
export interface DecodingSettings {
  readonly keyFormat: KeyFormat;
  /** In bytes; null: no record is too large. */
  readonly maxRecordBytes: number | null;
  /** Without a schema registry no Avro record can be read. */
  readonly hasRegistry: boolean;
}

/** The facts of a folded batch of one partition, besides its rows. */
export interface BatchFacts {
  readonly partition: PartitionId;
  readonly origin: string;
  readonly kind: SourceKind;
  readonly from: number;
  readonly next: Position;
  readonly ids: ClusterIds | null;
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
  /** Null when it has no record. */
  readonly lastRecord: RecordMark | null;
  readonly decoding: DecodingSettings;
  /** For the newest events: the record's time less the event's, at least 0, in milliseconds. */
  readonly lateness: readonly number[];
}
