import type { Sources } from '../completeness/sources.ts';
import type { ByteSink } from '../ports.ts';
import type { FileKind, Layout, Selection } from './selection.ts';

/** The facts of a written file, besides its bytes. */
export interface WrittenRows {
  readonly rows: number;
  /** Names of the columns in order; empty for JSON. */
  readonly columns: readonly string[];
  /** How many values have no column because `extension_columns` fixes the columns. */
  readonly valuesLeftOut: number;
}

/** One state of all tables. Ingestion goes on meanwhile and does not change it. */
export interface Snapshot {
  /** What is known of every source in this state of the tables. */
  readonly sources: Sources;
  /** The number of the last batch in it; batches are numbered in the order in which they are stored. */
  readonly batch: number;
  /** The ids of the Avro schemas of all records below those positions, ascending. */
  readonly schemaIds: readonly number[];
  /** How many of the selected services have events from more than one log. */
  readonly splitServices: number;
  /** How many of the selected services have no start: it may lie where the log was not read. */
  readonly servicesWithoutStart: number;
  /**
   * Writes the plain bytes of one file into `sink`, one call at a time. Throws `TOO_MANY_COLUMNS` before the first byte.
   * When the sink rejects, the query ends and the sink's error is thrown.
   */
  write(kind: FileKind, sink: ByteSink): Promise<WrittenRows>;
  /** Makes a running `write` fail soon. */
  interrupt(): void;
  close(): Promise<void>;
}

/** Opens snapshots. */
export interface SnapshotReader {
  snapshot(selection: Selection, layout: Layout): Promise<Snapshot>;
}

/** The databases of completed replays, from which exports may read. */
export interface ReplayReader {
  /**
   * Throws `REQUEST_UNKNOWN` for a replay that is not known, `REQUEST_UNFINISHED` for one that has not ended, `REQUEST_ENDED` for
   * one that failed or was cancelled, and `FILE_GONE` for one whose database was dropped.
   */
  check(replayId: string): Promise<void>;
  /** Opens its database; throws as `check` does. The last one to close it closes the database. */
  open(replayId: string): Promise<{ readonly snapshots: SnapshotReader; close(): Promise<void> }>;
}
