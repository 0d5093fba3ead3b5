import { crc32 } from 'node:zlib';
import type { ByteSink } from '../../pipeline/ports.ts';
import { deflateBlock } from './deflate-block.ts';
import { OrderedWrites } from './ordered-writes.ts';
import type { Packer } from './packer.ts';

/** Deflate, no flags, no time, no hint, unknown system: nothing that differs between machines. */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
/** Two cores are packing while a third block fills: more costs memory and is not faster beside the engine. */
const BLOCKS_IN_FLIGHT = 2;

/** One gzip stream of a single member, whose blocks are deflated in parallel. */
export class GzipPacker implements Packer {
  readonly #writes: OrderedWrites;
  #previous: Buffer | null = null;
  #crc = 0;
  #plainBytes = 0;

  constructor(sink: ByteSink) {
    this.#writes = new OrderedWrites(sink, BLOCKS_IN_FLIGHT);
  }

  take(block: Buffer): Promise<void> {
    return this.#add(block, false);
  }

  async end(block: Buffer): Promise<void> {
    await this.#add(block, true);
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#crc, 0);
    trailer.writeUInt32LE(this.#plainBytes % 2 ** 32, 4);
    await this.#writes.add(async () => trailer);
    await this.#writes.finish();
  }

  abandon(): Promise<void> {
    return this.#writes.settle();
  }

  async #add(block: Buffer, isLast: boolean): Promise<void> {
    const previous = this.#previous;
    if (previous === null) await this.#writes.add(async () => HEADER);
    await this.#writes.add(() => deflateBlock({ block, previous, isLast }));
    this.#crc = crc32(block, this.#crc);
    this.#plainBytes += block.length;
    this.#previous = block;
  }
}
