import type { RegisteredSchema } from '../schemas/avro/type.ts';
import type { Compression, FileKind, Layout, Selection } from './export/selection.ts';

/**
 * What the pipeline needs of the outside world. Connectors fill these; nothing here knows Kafka, HTTP or the disk.
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

/** Records in their order. An array is one; a source may also make each record only when it is asked for. */
export type LogRecords = Iterable<LogRecord> & Pick<readonly LogRecord[], 'length' | 'at'>;

/** Where reading of a partition goes on. `bookmark` is opaque to all but the source which wrote it. */
export interface Position {
  readonly nextOffset: number;
  readonly bookmark: string | null;
}

/** Consecutive records of one partition, in offset order, and the position after them. */
export interface RecordBatch {
  readonly partition: PartitionId;
  /** Where the records come from in the user's words (a path), for messages and status. */
  readonly origin: string;
  /** May be empty: the log goes on without a record, as where a transaction was aborted. */
  readonly records: LogRecords;
  /** The offset that reading went on from. What is stored must end exactly there, or the batch is refused as stale. */
  readonly from: number;
  readonly next: Position;
  /** Records that the log no longer held when they were to be read; by policy reading went on behind them. */
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

/** A position as the warehouse keeps it. */
export interface StoredPosition extends Position {
  readonly partition: PartitionId;
  readonly origin: string;
  /** Highest event time seen that was plausible, in milliseconds; null before the first. */
  readonly watermark: number | null;
}

/**
 * A place events come from. `read` is called once, with every position the warehouse holds; it yields batches until
 * its end is reached (bounded sources) or `signal` aborts, and never yields a record below a stored position.
 * It may throw a TidemarkError (`SOURCE_MISSING`, `SOURCE_CHANGED`, `SOURCE_CORRUPT`); what was yielded before stays valid.
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

/** Where writers' schemas are found by the ids that records carry. */
export interface SchemaRegistry {
  /**
   * The schema of this id; null when the registry says that there is none, now: it may be registered later. To be out of
   * reach is no answer: it is asked again until it gives one, or the signal aborts and the promise rejects. May be called many
   * times at once.
   */
  schemaOf(id: number, signal: AbortSignal): Promise<RegisteredSchema | null>;
}

/** A record to append to a log that we own. */
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
  /** Takes the plain bytes in order; resolves when the file can take more. Rejects when the disk does. */
  write(bytes: Uint8Array): Promise<void>;
  /** Flushes the packer, fsyncs; tells what was written. */
  seal(): Promise<FileFacts>;
  /** Drops the hidden file. Safe at any time, also after a failure, and twice. */
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

/** A folder inside the export root plus the start of the file names, as resolved from a `file_prefix`. */
export interface Destination {
  /** Absolute real path of the folder. */
  readonly folder: string;
  /** What every file name of this export begins with, before the stamp; may be empty. */
  readonly stem: string;
  /** The prefix as the client spelled it: answered paths are this + the rest of the name. */
  readonly spelled: string;
}

/** Where export files appear. One request owns the names it was given; hidden files carry the request's id. */
export interface ExportDirectory {
  /** Checks a `file_prefix` without writing anything. Throws TidemarkError `PREFIX_REFUSED` saying why and what is allowed. */
  resolve(filePrefix: string): Promise<Destination>;
  /** True when none of the names exists in the destination (a missing folder has none). */
  areFree(destination: Destination, names: readonly string[]): Promise<boolean>;
  /** Makes missing folders and opens a hidden file for one name. */
  create(destination: Destination, requestId: string, name: string, compression: Compression): Promise<PendingFile>;
  /**
   * Gives sealed hidden files their names, in the order given, never replacing a file. Idempotent, so that a crash in
   * the middle is finished by calling it again. Throws `NAME_TAKEN` when a name belongs to a file that is not ours.
   */
  publish(destination: Destination, requestId: string, names: readonly string[]): Promise<void>;
  /** Takes away every hidden file of the request; published files stay. */
  sweep(destination: Destination, requestId: string): Promise<void>;
}

/** Lines for whoever runs the service: facts by name, then one sentence. Never called once a record. */
export interface Log {
  debug(facts: Readonly<Record<string, unknown>>, sentence: string): void;
  info(facts: Readonly<Record<string, unknown>>, sentence: string): void;
  /** It was mended; look at it tomorrow. */
  warn(facts: Readonly<Record<string, unknown>>, sentence: string): void;
  /** Data may be late, or somebody must act. */
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
  /** Values that lay outside of fixed extension columns. */
  readonly valuesLeftOut: number;
}

/** One consistent view of all tables; ingestion goes on beside it. */
export interface Snapshot {
  /** Positions the snapshot holds. */
  readonly positions: readonly StoredPosition[];
  /** The schemas of all records up to there, in ascending order. */
  readonly schemaIds: readonly number[];
  /** How many of the selected services have events from more than one partition. */
  readonly splitServices: number;
  /** How many offsets the log had deleted before they were read, in all partitions together. */
  readonly lostRecords: number;
  /**
   * Writes one file's plain bytes, in order, into `sink`, honouring its back-pressure.
   * Throws `TOO_MANY_COLUMNS` before the first byte; a failing sink ends the query and its error is thrown.
   */
  write(kind: FileKind, sink: ByteSink): Promise<WrittenRows>;
  /** Makes a `write` that is under way fail soon. */
  interrupt(): void;
  close(): Promise<void>;
}

/** Opens snapshots of the warehouse. */
export interface SnapshotReader {
  snapshot(selection: Selection, layout: Layout): Promise<Snapshot>;
}
