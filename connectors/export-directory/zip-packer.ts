import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import type { ByteSink } from '../../pipeline/ports.ts';
import { BLOCK_BYTES, type Packer } from './block-cutter.ts';

/** Packs a zip archive of one entry; zip64 when the size needs it. */
export class ZipPacker implements Packer {
  readonly #plain = new PassThrough({ highWaterMark: BLOCK_BYTES });
  readonly #archive = new ZipFile();
  readonly #written: Promise<void>;

  constructor(plainName: string, sink: ByteSink) {
    this.#archive.addReadStream(this.#plain, plainName, entryOptions());
    this.#archive.end();
    this.#written = this.#writeTo(sink);
    // The next `take` or `end` throws the failure; until then it must not count as an unhandled rejection.
    this.#written.catch(() => undefined);
    this.#plain.on('error', () => undefined);
  }

  async take(block: Buffer): Promise<void> {
    if (this.#plain.destroyed) await this.#written;
    if (!this.#plain.write(block)) await once(this.#plain, 'drain');
  }

  async end(block: Buffer): Promise<void> {
    await this.take(block);
    this.#plain.end();
    await this.#written;
  }

  async abandon(): Promise<void> {
    // yazl passes no failure from one of its streams to the next, so both ends are destroyed.
    const abandoned = new Error('the archive was abandoned');
    this.#plain.destroy(abandoned);
    if (this.#archive.outputStream instanceof Readable) this.#archive.outputStream.destroy(abandoned);
    await this.#written.catch(() => undefined);
  }

  async #writeTo(sink: ByteSink): Promise<void> {
    try {
      for await (const bytes of this.#archive.outputStream) await sink(Buffer.from(bytes));
    } catch (error) {
      this.#plain.destroy(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }
}

/**
 * The options of the entry, the same in every archive. yazl takes the local components of the date, so a date made from
 * local components gives the same bytes in every time zone. The second, absolute time stamp of the zip format is left out.
 */
function entryOptions() {
  return { mtime: new Date(1980, 0, 1), forceDosTimestamp: true, mode: 0o100644, compressionLevel: 6 };
}
