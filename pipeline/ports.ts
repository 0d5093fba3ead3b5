import type { RegisteredSchema } from '../schemas/avro/type.ts';
import type { Compression } from './export/selection.ts';

/**
 * The interfaces through which the pipeline uses the outside world. Connectors implement them; nothing here knows Kafka,
 * HTTP or the disk.
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

/** Shared by all records without headers, which are most, to save memory. */
export const noHeaders: readonly LogHeader[] = [];

export interface LogRecord {
  readonly offset: number;
  /** The time that the log keeps for the record; null where it keeps none (a plain NDJSON file). */
  readonly timestamp: number | null;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly LogHeader[];
}

/** Records in offset order: an array, or, to save memory, a collection that builds each record only when it is read. */
export type LogRecords = Iterable<LogRecord> & Pick<readonly LogRecord[], 'length' | 'at'>;

/** The ids by which a cluster tells itself and a topic from all others, whatever their names. */
export interface ClusterIds {
  readonly cluster: string;
  /** Null where the cluster has no topic ids. */
  readonly topic: string | null;
}

/** Where to read on in a partition. Only the source that wrote `bookmark` understands it. */
export interface Position {
  readonly nextOffset: number;
  readonly bookmark: string | null;
}

/**
 * `live`: a partition that `run` follows. `folder`: a log of a log folder that `ingest` reads. `file`: a file or standard
 * input; all of these together are one log, because they are read one after another.
 */
export type SourceKind = 'live' | 'folder' | 'file';

/** Consecutive records of one partition, in offset order, and the position after them. */
export interface RecordBatch {
  readonly partition: PartitionId;
  readonly kind: SourceKind;
  /** Where the records come from, as the user knows it (a path, a broker list), for messages and status. */
  readonly origin: string;
  /** May be empty where offsets hold no record, as after an aborted transaction. */
  readonly records: LogRecords;
  /** The first offset of the batch. It must be the stored offset (`lost` may lie in between), or the batch is refused. */
  readonly from: number;
  readonly next: Position;
  /** Absent where the log is not in a cluster. */
  readonly ids?: ClusterIds;
  /** The gap before the batch: records that were deleted before they were read, or cannot be read. Only where settings allow it. */
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

/** A gap `[from, to)` of offsets of a partition that were not read. */
export interface LostRecords {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

/** A position as the database holds it. */
export interface StoredPosition extends Position {
  readonly partition: PartitionId;
  readonly origin: string;
}

/**
 * Where events come from. `read` is called once, with all stored positions. It yields batches until its end (a file) or
 * until `signal` aborts (Kafka), and never a record below a stored position. It throws a TidemarkError when the source
 * cannot be read or has lost records; batches that it yielded before stay valid.
 */
export interface EventSource {
  read(stored: readonly StoredPosition[], signal: AbortSignal): AsyncIterable<RecordBatch>;
}

/** From where, and when, a partition is read again. */
export interface SecondReading {
  /** Absent where nothing of the partition is stored. */
  readonly stored: StoredPosition | undefined;
  /** The next offset to store. */
  readonly from: number;
  readonly afterMs: number;
}

/** A source of which a partition can wait while the others go on. */
export interface LiveEventSource extends EventSource {
  /**
   * Forgets what was read of a partition beyond its stored position, and reads on from there after a while. No batch of it
   * that was read before the call is yielded after it.
   */
  readAgain(partition: PartitionId, reading: SecondReading): void;
}

/** The offsets `[low, high)` that a partition of a log holds at the moment: `low` ≤ `stable` ≤ `high`. */
export interface LogEnd {
  readonly partition: PartitionId;
  /** The first offset that there is. */
  readonly low: number;
  /**
   * The last stable offset: every transaction that has a record below it has ended, so all below it can be read. A log
   * without transactions is stable up to `high`.
   */
  readonly stable: number;
  /** The high watermark: all records that the log has acknowledged lie below it, those of open transactions too. */
  readonly high: number;
}

/** Finds the Avro schemas that records were written with, by the ids that they carry. */
export interface SchemaRegistry {
  /**
   * Returns the schema with this id; null when the registry answers that it has none, which may change later. Retries
   * while the registry does not answer. Rejects when the signal aborts. May be called concurrently.
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

/** The only writer of one log partition. `append` resolves when the records are on disk (fsync). */
export interface LogWriter {
  append(records: readonly NewRecord[]): Promise<{ readonly firstOffset: number }>;
  close(): Promise<void>;
}

/** A file that is being written under a hidden name. */
export interface PendingFile {
  /** The final name, without folder. */
  readonly name: string;
  /** Writes the next plain bytes. Resolves when more may be written; rejects when they cannot be written to disk. */
  write(bytes: Uint8Array): Promise<void>;
  /** Writes the end of the file, syncs it to disk, and returns sizes and hashes. */
  seal(): Promise<FileFacts>;
  /** Removes the hidden file. May be called at any time, also after a failure and more than once. */
  discard(): Promise<void>;
}

export interface FileFacts {
  readonly name: string;
  readonly plain: ContentFacts;
  /** The bytes on disk, compressed or not; equals `plain` when they are not. */
  readonly packed: ContentFacts;
}

export interface ContentFacts {
  readonly bytes: number;
  readonly sha256: string;
}

/** Where the files of a `file_prefix` go: a folder inside the export root, and how their names begin. */
export interface Destination {
  /** The folder's absolute path without links. */
  readonly folder: string;
  /** The beginning of every file name, before the stamp; may be empty. */
  readonly stem: string;
  /** The prefix as the client spelled it; the paths in answers begin with it. */
  readonly spelled: string;
  /** The outermost folder of the path that did not exist when the prefix was resolved; absent when all existed. */
  readonly missing?: string;
}

/**
 * The folder tree of export files. The names of a request's hidden files contain its id. While the root of the tree is away,
 * or another folder has its place, everything throws `EXPORT_ROOT_GONE`, and nothing is written there.
 */
export interface ExportDirectory {
  /** Checks a `file_prefix` and returns its destination; writes nothing. Throws `PREFIX_REFUSED` with the reason. */
  resolve(filePrefix: string): Promise<Destination>;
  /**
   * Reserves all file names with this stem and stamp for the request, against every service that uses the same export root.
   * False when another request has them. Reserving them again for the same request is true. The reservation outlives this
   * process. Where the disk refuses it, nothing is reserved, and the result is true.
   */
  reserve(destination: Destination, requestId: string, stamp: number): Promise<boolean>;
  /** Gives a reservation of the request back; does nothing where it has none. */
  release(destination: Destination, requestId: string, stamp: number): Promise<void>;
  /**
   * Gives back what is reserved for any request of this service but these, which have not ended, and sweeps what the others
   * left: those of an earlier process, and those that ended while the disk could not be written.
   */
  releaseAllBut(requestIds: readonly string[]): Promise<void>;
  /** True when none of the names exists in the destination, also when its folder does not exist. */
  areFree(destination: Destination, names: readonly string[]): Promise<boolean>;
  /** Makes missing folders and opens a hidden file that will get this name. */
  create(destination: Destination, requestId: string, name: string, compression: Compression): Promise<PendingFile>;
  /** Size and hash of a file under its final name; null where there is none. */
  contentOf(destination: Destination, name: string): Promise<ContentFacts | null>;
  /** The text of a manifest file; null where there is none. */
  manifestText(destination: Destination, name: string): Promise<string | null>;
  /**
   * Gives sealed hidden files their names, in the order of `names`, and never replaces a file. Idempotent: after a crash
   * in the middle, a second call finishes the work. A name that a file of the same content has counts as given. Throws
   * `NAME_TAKEN` when another file has one of the names.
   */
  publish(destination: Destination, requestId: string, names: readonly string[]): Promise<void>;
  /** Removes every hidden file of the request, and of the folders that were missing those that are empty; published files stay. */
  sweep(destination: Destination, requestId: string): Promise<void>;
}

/** The service's log: named facts and one sentence. Not called for each record, because that would slow ingestion down. */
export interface Log {
  debug(facts: Readonly<Record<string, unknown>>, sentence: string): void;
  info(facts: Readonly<Record<string, unknown>>, sentence: string): void;
  /** The service recovered by itself; nobody needs to act now. */
  warn(facts: Readonly<Record<string, unknown>>, sentence: string): void;
  /** Data may be late, or an operator must act. */
  error(facts: Readonly<Record<string, unknown>>, sentence: string): void;
}

export interface Clock {
  /** Now, in milliseconds since 1970 UTC. */
  now(): number;
}

/** Writes the next bytes. Resolves when more may be written; rejects when they cannot be written. */
export type ByteSink = (bytes: Uint8Array) => Promise<void>;
