import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import type { ByteSink } from '../../pipeline/ports.ts';
import { BLOCK_BYTES } from './block-cutter.ts';
import type { Packer } from './packer.ts';

/** A zip archive of one entry, zip64 where its size demands. */
export class ZipPacker implements Packer {
  readonly #plain = new PassThrough({ highWaterMark: BLOCK_BYTES });
  readonly #archive = new ZipFile();
  readonly #written: Promise<void>;

  constructor(plainName: string, sink: ByteSink) {
    this.#archive.addReadStream(this.#plain, plainName, entryFacts());
    this.#archive.end();
    this.#written = this.#carry(sink);
    // Seen by the next take or end; alone it must not end the process.
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
    // yazl hands no failure from one of its streams to the next, so both ends are told.
    const abandoned = new Error('the archive was given up');
    this.#plain.destroy(abandoned);
    if (this.#archive.outputStream instanceof Readable) this.#archive.outputStream.destroy(abandoned);
    await this.#written.catch(() => undefined);
  }

  async #carry(sink: ByteSink): Promise<void> {
    try {
      for await (const bytes of this.#archive.outputStream) await sink(Buffer.from(bytes));
    } catch (error) {
      this.#plain.destroy(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }
}

/**
 * The same in every archive. yazl writes the date by its local getters, so a date made of local components is the same
 * bytes in every time zone; the other, absolute time stamp is left out.
 */
function entryFacts() {
  return { mtime: new Date(1980, 0, 1), forceDosTimestamp: true, mode: 0o100644, compressionLevel: 6 };
}
