import { execFile } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { Socket } from 'node:net';
import { promisify } from 'node:util';

const run = promisify(execFile);

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
   * Runs `write` (queries that write to `path`) and hands every byte to `sink`. When either fails the other is ended:
   * a reader that is gone makes DuckDB's next write fail, and the query with it.
   */
  async carry<T>(write: () => Promise<T>, sink: (bytes: Uint8Array) => Promise<void>): Promise<T> {
    const reading = this.#drain(sink);
    reading.catch(() => undefined);
    try {
      const written = await write().finally(() => closeSync(this.#ownWriteEnd));
      await reading;
      return written;
    } catch (queryError) {
      // The sink's failure is the cause; DuckDB only noticed that nobody reads any more.
      await reading;
      throw queryError;
    } finally {
      this.#reader.destroy();
      await unlink(this.path);
    }
  }

  async #drain(sink: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    for await (const bytes of this.#reader) await sink(bytes as Uint8Array);
  }
}
