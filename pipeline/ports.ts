import type { RegisteredSchema } from '../schemas/avro/type.ts';
import type { Compression, FileKind, Layout, Selection } from './export/selection.ts';

/**
 * What the pipeline needs of the outside world. Connectors implement these interfaces; nothing here knows Kafka, HTTP or the disk.
 * Times are milliseconds since 1970-01-01T00:00:00Z (UTC). Offsets are whole numbers below 2^53.
 */

/** One ordered log. A file is a partition too: its topic is then derived from how its content begins. */
export interface PartitionId {
  readonly topic: string;
  readonly partition: number;
}

export interface LogHeader {
  readonly name: string;
  readonly value: Uint8Array | null;
}

export interface LogRecord {
  readonly offset: number;
  /** The log's own time for the record; null where the source keeps none (a plain NDJSON file). */
  readonly timestamp: number | null;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly LogHeader[];
}

/** Records in offset order: an array, or a collection that builds each record when it is read, to save memory. */
export type LogRecords = Iterable<LogRecord> & Pick<readonly LogRecord[], 'length' | 'at'>;

/** Where to read on in a partition. Only the source that wrote `bookmark` understands it. */
export interface Position {
  readonly nextOffset: number;
  readonly bookmark: string | null;
}

/** Consecutive records of one partition, in offset order, and the position after them. */
export interface RecordBatch {
  readonly partition: PartitionId;
  /** Where the records come from, as the user knows it (a path, a broker list), for messages and status. */
  readonly origin: string;
  /** May be empty where offsets hold no record, as after an aborted transaction. */
  readonly records: LogRecords;
  /** The offset that this batch was read from. The stored position must be exactly this, or the batch is refused as stale. */
  readonly from: number;
  readonly next: Position;
  /** Records that were deleted from the log before they were read; the settings allow reading to go on after them. */
  readonly lost?: LostRecords;
  /** Encoded bytes read to make this batch, for progress. */
  readonly bytesRead: number;
}

/** How much one batch may hold at most; a single record larger than `batchBytes` makes a batch of its own. */
export interface BatchLimits {
  readonly batchRecords: number;
  /** Encoded bytes of the records. */
  readonly batchBytes: number;
}

/** A gap `[from, to)` in what was read of a partition. */
export interface LostRecords {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

/** A position as the database holds it. */
export interface StoredPosition extends Position {
  readonly partition: PartitionId;
  readonly origin: string;
  /** Highest plausible event time so far, in milliseconds; null before the first event. */
  readonly watermark: number | null;
}

/**
 * Where events come from. `read` is called once, with all stored positions. It yields batches until its end (a file) or
 * until `signal` aborts (Kafka), and never a record below a stored position. It may throw `SOURCE_MISSING`,
 * `SOURCE_CHANGED` or `SOURCE_CORRUPT`; batches that it yielded before stay valid.
 */
export interface EventSource {
  read(stored: readonly StoredPosition[], signal: AbortSignal): AsyncIterable<RecordBatch>;
}

/** How far a partition of a log reaches now: it holds the offsets `[low, high)`. */
export interface LogEnd {
  readonly partition: PartitionId;
  readonly low: number;
  readonly high: number;
}

/** Finds the Avro schemas that records were written with, by the ids that they carry. */
export interface SchemaRegistry {
  /**
   * The schema with this id; null when the registry answers that it has none, which may change later. While the registry
   * does not answer, it is asked again; the promise rejects when the signal aborts. May be called concurrently.
   */
  schemaOf(id: number, signal: AbortSignal): Promise<RegisteredSchema | null>;
}

/** A record to append to a local log. */
export interface NewRecord {
  readonly timestamp: number | null;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: readonly LogHeader[];
}

/** The single writer of one log partition. `append` returns once the records are on disk (fsync). */
export interface LogWriter {
  append(records: readonly NewRecord[]): Promise<{ readonly firstOffset: number }>;
  close(): Promise<void>;
}

/** A file being written under a hidden name, not yet visible to anyone. */
export interface PendingFile {
  /** The final name, without folder. */
  readonly name: string;
  /** Takes the plain bytes in order; resolves when it can take more. Rejects when the disk refuses them. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the compression, syncs the file to disk, and returns sizes and hashes. */
  seal(): Promise<FileFacts>;
  /** Removes the hidden file. May be called at any time, also after a failure and more than once. */
  discard(): Promise<void>;
}

export interface FileFacts {
  readonly name: string;
  readonly plain: ContentFacts;
  /** The file as it lies on disk; equals `plain` when it is not compressed. */
  readonly packed: ContentFacts;
}

export interface ContentFacts {
  readonly bytes: number;
  readonly sha256: string;
}

/** Where the files of a `file_prefix` go: a folder inside the export root, and how their names begin. */
export interface Destination {
  /** Absolute real path of the folder. */
  readonly folder: string;
  /** The beginning of every file name, before the stamp; may be empty. */
  readonly stem: string;
  /** The prefix as the client spelled it; answered paths begin with it. */
  readonly spelled: string;
}

/** The folder tree of export files. Each request owns its file names; its hidden files carry its id. */
export interface ExportDirectory {
  /** Checks a `file_prefix` without writing anything. Throws TidemarkError `PREFIX_REFUSED` saying why and what is allowed. */
  resolve(filePrefix: string): Promise<Destination>;
  /** True when none of the names exists in the destination (a missing folder has none). */
  areFree(destination: Destination, names: readonly string[]): Promise<boolean>;
  /** Makes missing folders and opens a hidden file that will get this name. */
  create(destination: Destination, requestId: string, name: string, compression: Compression): Promise<PendingFile>;
  /**
   * Gives sealed hidden files their names, in the order given, and never replaces a file. Idempotent: after a crash in
   * the middle, calling it again finishes the work. Throws `NAME_TAKEN` when another file has a name already.
   */
  publish(destination: Destination, requestId: string, names: readonly string[]): Promise<void>;
  /** Removes every hidden file of the request; published files stay. */
  sweep(destination: Destination, requestId: string): Promise<void>;
}

/** The service's log: named facts and one sentence. Never called once a record, which would slow ingestion down. */
export interface Log {
  debug(facts: Readonly<Record<string, unknown>>, sentence: string): void;
  info(facts: Readonly<Record<string, unknown>>, sentence: string): void;
  /** The service recovered by itself; look at it tomorrow. */
  warn(facts: Readonly<Record<string, unknown>>, sentence: string): void;
  /** Data may be late, or an operator must act. */
  error(facts: Readonly<Record<string, unknown>>, sentence: string): void;
}

export interface Clock {
  /** Now, in milliseconds since 1970 UTC. */
  now(): number;
}

/** Takes bytes in order; resolves when it can take more, and rejects when it cannot take them. */
export type ByteSink = (bytes: Uint8Array) => Promise<void>;

/** What was written of one file, besides its bytes. */
export interface WrittenRows {
  readonly rows: number;
  /** Names of the columns in order; empty for JSON. */
  readonly columns: readonly string[];
  /** Values that fixed extension columns (`extension_columns`) left out. */
  readonly valuesLeftOut: number;
}

/** One consistent view of all tables. Ingestion goes on meanwhile and does not change it. */
export interface Snapshot {
  /** Positions the snapshot holds. */
  readonly positions: readonly StoredPosition[];
  /** The ids of the Avro schemas of all records below those positions, ascending. */
  readonly schemaIds: readonly number[];
  /** How many of the selected services have events from more than one partition. */
  readonly splitServices: number;
  /** Offsets that were deleted from the log before they were read, in all partitions together. */
  readonly lostRecords: number;
  /**
   * Writes the plain bytes of one file into `sink`, waiting for each of its promises. Throws `TOO_MANY_COLUMNS` before
   * the first byte. When the sink rejects, the query ends and the sink's error is thrown.
   */
  write(kind: FileKind, sink: ByteSink): Promise<WrittenRows>;
  /** Makes a running `write` fail soon. */
  interrupt(): void;
  close(): Promise<void>;
}

/** Opens snapshots of the warehouse. */
export interface SnapshotReader {
  snapshot(selection: Selection, layout: Layout): Promise<Snapshot>;
}
