import { execFile } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import type { ByteSink } from '../../../pipeline/ports.ts';

const run = promisify(execFile);

/** At most this many chunks of up to 64 KiB are read ahead of the sink: 16 MiB, about one slice of ordinary rows. */
const chunksAhead = 256;

/**
 * A FIFO that DuckDB writes and this process reads, so that rows arrive as bytes and never become objects. Both ends
 * are opened here without blocking, so that no thread of the pool waits in `open`. As long as this process holds a
 * write end open, the reader sees no end of file before DuckDB has opened the FIFO, or between two queries.
 */
export class Pipe {
  readonly path: string;
  readonly #reader: Socket;
  readonly #ownWriteEnd: number;

  private constructor(path: string) {
    this.path = path;
    const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.#ownWriteEnd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    this.#reader = new Socket({ fd: readEnd, readable: true, writable: false });
  }

  static async open(path: string): Promise<Pipe> {
    await run('mkfifo', ['-m', '600', path]);
    return new Pipe(path);
  }

  /**
   * Runs `write`, queries that write to `path`, and passes every byte to `sink`. When the sink fails, the signal aborts
   * and the error is thrown after `write` ended. Until then its bytes are read and dropped, because a query that opens
   * a FIFO without a reader blocks forever.
   */
  async transfer<T>(write: (sinkFailed: AbortSignal) => Promise<T>, sink: ByteSink): Promise<T> {
    const failure = new AbortController();
    const reading = this.#drain(sink, failure);
    reading.catch(() => undefined);
    try {
      const written = await write(failure.signal).finally(() => closeSync(this.#ownWriteEnd));
      await reading;
      return written;
    } catch (queryError) {
      // When the sink failed, its error is the cause, and the query failed only because it was interrupted.
      await reading;
      throw queryError;
    } finally {
      this.#reader.destroy();
      await unlink(this.path);
    }
  }

  /** Reads ahead while the sink is busy, so that the next query runs while the bytes of the last are compressed. */
  async #drain(sink: ByteSink, failure: AbortController): Promise<void> {
    const ahead: Promise<void>[] = [];
    let last: Promise<void> = Promise.resolve();
    for await (const bytes of this.#reader) {
      last = last.then(() => sink(bytes as Uint8Array));
      last.catch(() => failure.abort());
      ahead.push(last);
      if (ahead.length > chunksAhead) await ahead.shift()?.catch(() => undefined);
    }
    await last;
  }
}
