import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import type { TidemarkError } from '../../../pipeline/errors.ts';
import type { LogWriter, NewRecord } from '../../../pipeline/ports.ts';
import { diskFailure, makeFolder, syncFolder, writeAt } from '../../disk.ts';
import { encodeBatch } from './batch-format.ts';
import { segmentName } from './log-folder.ts';
import { checkLogName, logFolderName } from './log-name.ts';
import { type CutTail, openTail } from './log-tail.ts';
import { lockForWriting, type WriterLock } from './writer-lock.ts';

/** Small enough that opening a log, which checks its last segment, takes a fraction of a second. */
const DEFAULT_SEGMENT_BYTES = 64 * 1024 * 1024;

interface LogWriterOptions {
  /** Folder that holds one folder per log; made when it is missing. */
  readonly root: string;
  readonly topic: string;
  readonly partition: number;
  /** A segment is closed before a batch that would take it over this size. */
  readonly segmentBytes?: number;
}

/** A writer that also tells what it found when it was opened. */
export interface OpenedLogWriter extends LogWriter {
  /** Folder of this log. */
  readonly path: string;
  /** Bytes of a batch which a crash left unfinished, and which were therefore never acknowledged; null when there were none. */
  readonly cut: CutTail | null;
}

/**
 * Opens the one writer of a log, making the log when there is none. Throws `LOG_LOCKED` while another process writes it,
 * `SOURCE_CORRUPT` when its last segment is damaged (not merely torn at the end), `USAGE` for a name that is not
 * allowed, `DISK_FULL` or `NOT_WRITABLE`.
 */
export async function openLogWriter(options: LogWriterOptions): Promise<OpenedLogWriter> {
  const { root, topic, partition, segmentBytes = DEFAULT_SEGMENT_BYTES } = options;
  checkLogName(topic, partition);
  const folder = path.join(root, logFolderName(topic, partition));
  try {
    await makeFolder(folder);
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

interface Settings {
  readonly path: string;
  readonly segmentBytes: number;
  readonly lock: WriterLock;
  readonly cut: CutTail | null;
}

/** The segment being written. */
interface Tail {
  readonly handle: FileHandle;
  /** Bytes acknowledged. */
  readonly size: number;
  readonly nextOffset: number;
}

class SegmentWriter implements OpenedLogWriter {
  readonly path: string;
  readonly cut: CutTail | null;
  readonly #settings: Settings;
  #tail: Tail;
  #broken: TidemarkError | null = null;
  #isClosed = false;
  // Appends wait for each other: a batch may be written only after the one before it was fsynced.
  #last: Promise<unknown> = Promise.resolve();

  constructor(settings: Settings, tail: Tail) {
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
      // fdatasync brings the new size to disk too; what it leaves out is the time of change.
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

  /** After a failed fsync nobody knows what is on disk: this writer takes no more; opening anew checks and goes on. */
  async #breakOff(error: unknown): Promise<TidemarkError> {
    const failure = diskFailure(error, `append to the log ${this.path}`, 'NOT_WRITABLE');
    this.#broken = failure;
    await this.#tail.handle.truncate(this.#tail.size).catch(() => undefined);
    return failure;
  }
}
