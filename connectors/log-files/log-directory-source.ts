import { isSamePartition } from '../../pipeline/partition.ts';
import type { BatchLimits, EventSource, LogRecord, RecordBatch, StoredPosition } from '../../pipeline/ports.ts';
import { readFailure } from '../disk.ts';
import { batchHeaderBytes } from './log/batch-format.ts';
import { damaged } from './log/damage.ts';
import { logBytes } from './log/list-logs.ts';
import { type PlacedBatch, readLogBatches } from './log/log-batches.ts';
import { encodeBookmark } from './log/log-bookmark.ts';
import { findLogs, type LogFolder } from './log/log-folder.ts';
import { findStart } from './log/log-start.ts';
import { RecordRun } from './log/record-run.ts';

interface LogDirectoryOptions extends BatchLimits {
  /** A log root, or one log's own folder. */
  readonly path: string;
}

/** A source that also tells how much there is. */
interface LogDirectorySource extends EventSource {
  /** Bytes of all segments now. The `bytesRead` of a reading from the beginning come to this. */
  totalBytes(): Promise<number>;
}

/**
 * Reads embedded event logs, topic by topic and partition by partition, each up to the end it had when its turn came.
 * A log is known by its uuid: moved, renamed or copied it goes on where it was. Throws as `EventSource.read` says;
 * `SOURCE_CHANGED` when a stored position lies outside of its log.
 */
export function logDirectorySource(options: LogDirectoryOptions): LogDirectorySource {
  return { read: (stored, signal) => readLogs(options, stored, signal), totalBytes: () => logBytes(options.path) };
}

async function* readLogs(
  options: LogDirectoryOptions,
  stored: readonly StoredPosition[],
  signal: AbortSignal,
): AsyncGenerator<RecordBatch> {
  for (const log of await findLogs(options.path)) {
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
  limits: BatchLimits,
  signal: AbortSignal,
): AsyncGenerator<RecordBatch> {
  const start = await findStart(log, stored);
  const pending = new PendingBatch(log, limits);
  let failure: unknown = null;
  try {
    for await (const placed of readLogBatches(log, start)) {
      for (const full of pending.add(placed, start.nextOffset)) {
        if (signal.aborted) return;
        yield full;
      }
    }
  } catch (error) {
    failure = error;
  }
  // What lies before the damage is good, and however often it is read, the same records come of it.
  const rest = pending.finish();
  if (signal.aborted) return;
  if (rest !== null) yield rest;
  if (failure !== null) throw failure;
}

/** Gathers records of small stored batches into one, and cuts large ones. */
class PendingBatch {
  readonly #log: LogFolder;
  readonly #limits: BatchLimits;
  #records: LogRecord[] = [];
  #bytes = 0;
  #headerBytes = 0;
  #last: PlacedBatch | null = null;

  constructor(log: LogFolder, limits: BatchLimits) {
    this.#log = log;
    this.#limits = limits;
  }

  /** Adds the records from `fromOffset` on, and gives the batches that became full. */
  *add(placed: PlacedBatch, fromOffset: number): Generator<RecordBatch> {
    const run = new RecordRun(placed.batch);
    run.skipTo(fromOffset);
    // So that a reading from the beginning comes to the bytes of all segments.
    if (run.nextOffset === placed.batch.baseOffset) this.#headerBytes += batchHeaderBytes;
    while (!run.isDone) {
      const bytes = run.take(this.#records, this.#limits.batchRecords, this.#limits.batchBytes - this.#bytes);
      this.#bytes += bytes;
      if (bytes > 0) this.#last = placed;
      if (run.isDone && this.#records.length < this.#limits.batchRecords) break;
      const full = this.finish();
      if (full !== null) yield full;
    }
    if (!run.addsUp) throw damaged(this.#log.path, placed.byte, 'the records of a batch do not fill it');
  }

  /** The records gathered so far; null when there are none. */
  finish(): RecordBatch | null {
    const first = this.#records[0];
    const last = this.#records.at(-1);
    if (first === undefined || last === undefined || this.#last === null) return null;
    const { batch, segment, byte } = this.#last;
    const bookmark = encodeBookmark({ segment, byte, base: batch.baseOffset, crc: batch.crc });
    const full = {
      partition: this.#log.partition,
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
