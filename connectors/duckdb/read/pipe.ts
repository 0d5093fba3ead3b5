import { execFile } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import type { ByteSink } from '../../../pipeline/ports.ts';

const run = promisify(execFile);

/** A chunk has at most 64 KiB: as much as a slice of ordinary rows makes, 16 MiB. */
const chunksAhead = 256;

/**
 * A FIFO that DuckDB writes and we read, so that rows reach us as bytes and never as objects.
 * Both ends are opened here without waiting: no thread of the pool can be left blocked in `open`, and our own write end
 * keeps the reader from seeing an end before DuckDB has come.
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
   * Runs `write` (queries that write to `path`) and hands every byte to `sink`. When the sink fails, `write` is told by
   * its signal, and what it still writes is read and dropped: a FIFO that nobody reads would block the next query in
   * `open` for good.
   */
  async carry<T>(write: (sinkFailed: AbortSignal) => Promise<T>, sink: ByteSink): Promise<T> {
    const failure = new AbortController();
    const reading = this.#drain(sink, failure);
    reading.catch(() => undefined);
    try {
      const written = await write(failure.signal).finally(() => closeSync(this.#ownWriteEnd));
      await reading;
      return written;
    } catch (queryError) {
      // The sink's failure is the cause; the query only ended because of it.
      await reading;
      throw queryError;
    } finally {
      this.#reader.destroy();
      await unlink(this.path);
    }
  }

  /** Reads on while the sink is busy, so that the next query can work while the bytes of the last are packed. */
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
