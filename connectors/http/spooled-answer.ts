import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import type { ByteSink } from '../../pipeline/ports.ts';
import { diskFailure } from '../disk.ts';

/** A query whose result is written while it is read from the database. It holds one of the few snapshots until it is closed. */
export interface StreamedQuery {
  write(sink: ByteSink): Promise<unknown>;
  /** Makes a running `write` fail soon. */
  interrupt(): void;
  close(): Promise<void>;
}

/** Where answers are kept until they are sent, and how large one may be. */
export interface SpoolOptions {
  readonly folder: string;
  readonly maxBytes: number;
}

/** Larger than what a stream takes at once, so that each piece waits for the client. */
const pieceBytes = 256 << 10;

/** The whole answer of a query, on disk in a file without a name, so that it holds nothing of the database while it is sent. */
export class SpooledAnswer {
  readonly bytes: number;
  readonly #file: FileHandle;

  private constructor(file: FileHandle, bytes: number) {
    this.#file = file;
    this.bytes = bytes;
  }

  /**
   * Runs a query to its end and closes it; the signal interrupts it. Throws `STREAM_TOO_LARGE` when the answer is larger than
   * allowed, `DISK_FULL`, and what the query throws.
   */
  static async of(
    query: StreamedQuery,
    { folder, maxBytes }: SpoolOptions,
    signal: AbortSignal,
  ): Promise<SpooledAnswer> {
    const interrupt = (): void => query.interrupt();
    signal.addEventListener('abort', interrupt, { once: true });
    let file: FileHandle | null = null;
    let bytes = 0;
    try {
      const opened = await openUnnamed(folder);
      file = opened;
      // An interruption before the query runs would be forgotten.
      signal.throwIfAborted();
      await query.write(async piece => {
        signal.throwIfAborted();
        bytes += piece.length;
        if (bytes > maxBytes) throw tooLarge(maxBytes);
        await opened.appendFile(piece);
      });
      return new SpooledAnswer(opened, bytes);
    } catch (cause) {
      await file?.close();
      throw hasSystemCode(cause, 'ENOSPC', 'EDQUOT')
        ? diskFailure(cause, `keep a stream in ${folder}`, 'DISK_FULL')
        : cause;
    } finally {
      signal.removeEventListener('abort', interrupt);
      await query.close();
    }
  }

  async write(sink: ByteSink): Promise<void> {
    for (let at = 0; at < this.bytes; ) {
      const { bytesRead, buffer } = await this.#file.read(Buffer.allocUnsafe(pieceBytes), 0, pieceBytes, at);
      if (bytesRead === 0) throw new Error(`a spooled answer of ${this.bytes} bytes ends at byte ${at}`);
      await sink(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/**
 * A new file that no folder names any more, so that nothing is left of it after a crash. One that a crash leaves before it
 * loses its name goes with the folder's other files when the database is opened again.
 */
async function openUnnamed(folder: string): Promise<FileHandle> {
  const path = join(folder, `${randomUUID()}.stream`);
  const file = await open(path, 'wx+', 0o600);
  await unlink(path);
  return file;
}

function tooLarge(maxBytes: number): TidemarkError {
  const cure = 'ask for a shorter window, or for an export to files';
  return new TidemarkError(
    'STREAM_TOO_LARGE',
    `the answer has more than the ${maxBytes} bytes that stream_spool_bytes allows; ${cure}`,
  );
}
