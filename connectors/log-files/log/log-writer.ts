import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import type { TidemarkError } from '../../../pipeline/errors.ts';
import type { LogWriter, NewRecord } from '../../../pipeline/ports.ts';
import { diskFailure, makeDurableFolder, syncFolder, writeAt } from '../../disk.ts';
import { encodeBatch } from './batch-format.ts';
import { segmentName } from './log-folder.ts';
import { checkLogName, logFolderName } from './log-identity.ts';
import { type CutTail, openTail } from './log-tail.ts';
import { lockForWriting, type WriterLock } from './writer-lock.ts';

/** Opening a log checks its last segment, which at this size takes less than a second. */
const DEFAULT_SEGMENT_BYTES = 64 * 1024 * 1024;

interface LogWriterOptions {
  /** The folder with one folder per log; it is made when it is missing. */
  readonly root: string;
  readonly topic: string;
  readonly partition: number;
  /** The largest size of a segment in bytes. A batch that would exceed it begins a new segment. */
  readonly segmentBytes?: number;
}

/** A writer, and the incomplete batch that was cut off when it was opened. */
export interface OpenedLogWriter extends LogWriter {
  /** Folder of this log. */
  readonly path: string;
  /** An incomplete batch that a crash left; none of its records was acknowledged. Null when there was none. */
  readonly cut: CutTail | null;
}

/**
 * Opens the single writer of a log, and makes the log when there is none. Throws `LOG_LOCKED` while another process writes
 * it, `SOURCE_CORRUPT` when its last segment is damaged (an incomplete last batch is not damage), `USAGE` for a name that
 * is not allowed, `DISK_FULL` or `NOT_WRITABLE`.
 */
export async function openLogWriter(options: LogWriterOptions): Promise<OpenedLogWriter> {
  const { root, topic, partition, segmentBytes = DEFAULT_SEGMENT_BYTES } = options;
  checkLogName(topic, partition);
  const folder = path.join(root, logFolderName(topic, partition));
  try {
    await makeDurableFolder(folder);
    const lock = await lockForWriting(folder);
    try {
      const { handle, size, nextOffset, cut } = await openTail(folder, topic, partition);
      return new SegmentWriter({ path: folder, segmentBytes, lock, cut }, { handle, size, nextOffset });
    } catch (error) {
      await lock.release();
      throw error;
    }
  } catch (error) {
    throw diskFailure(error, `open the log ${folder} for writing`, 'NOT_WRITABLE');
  }
}

interface WriterSettings {
  readonly path: string;
  readonly segmentBytes: number;
  readonly lock: WriterLock;
  readonly cut: CutTail | null;
}

/** The segment that is appended to. */
interface Tail {
  readonly handle: FileHandle;
  /** Bytes of its acknowledged batches. */
  readonly size: number;
  readonly nextOffset: number;
}

class SegmentWriter implements OpenedLogWriter {
  readonly path: string;
  readonly cut: CutTail | null;
  readonly #settings: WriterSettings;
  #tail: Tail;
  #broken: TidemarkError | null = null;
  #isClosed = false;
  // The last append. A batch may be written only after the batch before it was synced, so appends wait for each other.
  #last: Promise<unknown> = Promise.resolve();

  constructor(settings: WriterSettings, tail: Tail) {
    this.path = settings.path;
    this.cut = settings.cut;
    this.#settings = settings;
    this.#tail = tail;
  }

  append(records: readonly NewRecord[]): Promise<{ readonly firstOffset: number }> {
    const appended = this.#last.then(() => this.#append(records));
    this.#last = appended.catch(() => undefined);
    return appended;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#last;
    await this.#tail.handle.close();
    await this.#settings.lock.release();
  }

  async #append(records: readonly NewRecord[]): Promise<{ readonly firstOffset: number }> {
    if (this.#broken !== null) throw this.#broken;
    const firstOffset = this.#tail.nextOffset;
    if (records.length === 0) return { firstOffset };
    const batch = encodeBatch(records, firstOffset);
    try {
      if (this.#tail.size > 0 && this.#tail.size + batch.length > this.#settings.segmentBytes) await this.#roll();
      const { handle, size } = this.#tail;
      await writeAt(handle, size, batch);
      // fdatasync writes the new size to disk too; it leaves out only the modification time.
      await handle.datasync();
      this.#tail = { handle, size: size + batch.length, nextOffset: firstOffset + records.length };
    } catch (error) {
      throw await this.#breakOff(error);
    }
    return { firstOffset };
  }

  async #roll(): Promise<void> {
    const { handle, nextOffset } = this.#tail;
    const next = await open(path.join(this.path, segmentName(nextOffset)), 'wx+');
    await syncFolder(this.path);
    this.#tail = { handle: next, size: 0, nextOffset };
    await handle.close();
  }

  /** After a failed sync it is unknown what is on disk, so this writer accepts no more records. Opening the log checks it. */
  async #breakOff(error: unknown): Promise<TidemarkError> {
    const failure = diskFailure(error, `append to the log ${this.path}`, 'NOT_WRITABLE');
    this.#broken = failure;
    await this.#tail.handle.truncate(this.#tail.size).catch(() => undefined);
    return failure;
  }
}
