import path from 'node:path';
import { isSamePartition } from '../../pipeline/partition.ts';
import type {
  BatchLimits,
  EventSource,
  LogRecord,
  LostRecords,
  PartitionId,
  RecordBatch,
  SourceKind,
  StoredPosition,
} from '../../pipeline/ports.ts';
import { readFailure } from '../disk.ts';
import { batchHeaderBytes } from './log/batch-format.ts';
import { logBytes } from './log/list-logs.ts';
import { type PlacedBatch, readLogBatches } from './log/log-batches.ts';
import { encodeBookmark } from './log/log-bookmark.ts';
import { findLogs, type LogFolder, segmentName } from './log/log-folder.ts';
import { findStart, type LostRecordsPolicy } from './log/log-start.ts';
import { RecordReader } from './log/record-reader.ts';
import { damaged } from './log/segment-reader.ts';

interface LogDirectoryOptions extends BatchLimits {
  /** A log root, or the folder of one log. */
  readonly path: string;
  readonly kind: SourceKind;
  /** What to do about segments that were deleted before they were read; absent: stop. */
  readonly onLostRecords?: LostRecordsPolicy;
  /** A log is read up to this offset, not to its end; null: a log that is not to be read. Absent: all are read to their ends. */
  readonly until?: (partition: PartitionId) => number | null;
  /** True for a log that is not to be read now, also in the middle of it; absent: none. */
  readonly skips?: (partition: PartitionId) => boolean;
}

/** A source of known size. */
interface LogDirectorySource extends EventSource {
  /** Bytes of all segments now. The `bytesRead` of all batches from the beginning add up to this. */
  totalBytes(): Promise<number>;
  /** The logs that there are now. */
  partitions(): Promise<readonly PartitionId[]>;
}

/**
 * Reads the local logs under a path, sorted by topic and partition, each up to the end that it had when `read` was called.
 * A log is identified by its id, so reading continues at the stored position also after its folder was moved, renamed or
 * copied. Throws `SOURCE_MISSING`, `SOURCE_CORRUPT`, `SOURCE_CHANGED` when a stored position lies after the end of its log or
 * follows another batch, and `RECORDS_LOST` when it lies before its beginning and records may not be lost.
 */
export function logDirectorySource(options: LogDirectoryOptions): LogDirectorySource {
  return {
    read: (stored, signal) => readLogs(options, stored, signal),
    totalBytes: () => logBytes(options.path),
    partitions: async () => (await findLogs(options.path)).map(({ partition }) => partition),
  };
}

async function* readLogs(
  options: LogDirectoryOptions,
  stored: readonly StoredPosition[],
  signal: AbortSignal,
): AsyncGenerator<RecordBatch> {
  for (const log of await findLogs(options.path)) {
    if (options.skips?.(log.partition) || options.until?.(log.partition) === null) continue;
    const position = stored.find(({ partition }) => isSamePartition(partition, log.partition));
    try {
      yield* readLog(log, position, options, signal);
    } catch (error) {
      throw readFailure(error, log.path);
    }
    if (signal.aborted) return;
  }
}

async function* readLog(
  log: LogFolder,
  stored: StoredPosition | undefined,
  options: LogDirectoryOptions,
  signal: AbortSignal,
): AsyncGenerator<RecordBatch> {
  const start = await findStart(log, stored, options.onLostRecords ?? 'stop');
  const until = options.until?.(log.partition) ?? Number.POSITIVE_INFINITY;
  if (start.nextOffset >= until) return;
  const pending = new PendingBatch(log, options, until);
  const isEnded = (): boolean => signal.aborted || options.skips?.(log.partition) === true;
  if (isEnded()) return;
  if (start.lost !== null) yield gapAlone(log, options.kind, start.lost);
  let failure: unknown = null;
  try {
    for await (const placed of readLogBatches(log, start)) {
      if (placed.batch.baseOffset >= until) break;
      for (const full of pending.add(placed, start.nextOffset)) {
        if (isEnded()) return;
        yield full;
      }
    }
  } catch (error) {
    failure = error;
  }
  // The records before the damage are good: they are yielded first, so that they are stored.
  const rest = pending.finish();
  if (isEnded()) return;
  if (rest !== null) yield rest;
  if (failure !== null) throw failure;
}

/** A batch of no records: a log that lost records may hold none after the gap. */
function gapAlone(log: LogFolder, kind: SourceKind, lost: LostRecords): RecordBatch {
  const next = { nextOffset: lost.to, bookmark: null };
  return { partition: log.partition, kind, origin: log.path, records: [], from: lost.to, next, bytesRead: 0, lost };
}

/** Makes batches within the limits: joins small stored batches and cuts large ones. */
class PendingBatch {
  readonly #log: LogFolder;
  readonly #options: LogDirectoryOptions;
  /** Records from this offset on are not read. */
  readonly #until: number;
  #records: LogRecord[] = [];
  #bytes = 0;
  #headerBytes = 0;
  #last: PlacedBatch | null = null;

  constructor(log: LogFolder, options: LogDirectoryOptions, until: number) {
    this.#log = log;
    this.#until = until;
    this.#options = options;
  }

  /** Adds the records from `fromOffset` on, and yields each batch that becomes full. */
  *add(placed: PlacedBatch, fromOffset: number): Generator<RecordBatch> {
    const reader = new RecordReader(placed.batch);
    reader.skipTo(fromOffset);
    // The header counts too, so that the bytes read from the beginning add up to the bytes of all segments.
    if (reader.nextOffset === placed.batch.baseOffset) this.#headerBytes += batchHeaderBytes;
    while (!reader.isDone && reader.nextOffset < this.#until) {
      const { batchRecords, batchBytes } = this.#options;
      const upToEnd = this.#records.length + this.#until - reader.nextOffset;
      const bytes = reader.take(this.#records, Math.min(batchRecords, upToEnd), batchBytes - this.#bytes);
      this.#bytes += bytes;
      if (bytes > 0) this.#last = placed;
      if (reader.isDone && this.#records.length < batchRecords) break;
      const full = this.finish();
      if (full !== null) yield full;
    }
    if (!reader.isDone || reader.endsAtBatchEnd) return;
    const segment = path.join(this.#log.path, segmentName(placed.segment));
    throw damaged(segment, placed.byte, 'the records do not end where their batch ends');
  }

  /** The collected records as a batch; null when there are none. */
  finish(): RecordBatch | null {
    const first = this.#records[0];
    const last = this.#records.at(-1);
    if (first === undefined || last === undefined || this.#last === null) return null;
    const { batch, segment, byte } = this.#last;
    const bookmark = encodeBookmark({ segment, byte, base: batch.baseOffset, crc: batch.crc });
    const full = {
      partition: this.#log.partition,
      kind: this.#options.kind,
      origin: this.#log.path,
      records: this.#records,
      from: first.offset,
      next: { nextOffset: last.offset + 1, bookmark },
      bytesRead: this.#headerBytes + this.#bytes,
    };
    this.#records = [];
    this.#bytes = 0;
    this.#headerBytes = 0;
    return full;
  }
}
