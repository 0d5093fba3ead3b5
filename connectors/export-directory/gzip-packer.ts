import { constants, crc32, deflateRaw } from 'node:zlib';
import type { ByteSink } from '../../pipeline/ports.ts';
import type { Packer } from './block-cutter.ts';
import { OrderedWrites } from './ordered-writes.ts';

/** Deflate, no flags, no time, no level hint, unknown system: nothing that differs between machines. */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
/** Two blocks are packed while a third is filled. More take more memory and are not faster while DuckDB uses the cores too. */
const BLOCKS_IN_FLIGHT = 2;
/** Deflate refers back at most this far. */
const WINDOW_BYTES = 32 * 1024;
/** A packed block nearly always fits into one piece of this size; each further piece is another task of the thread pool. */
const OUTPUT_BYTES = 512 * 1024;

/** Packs one gzip stream of a single member; its blocks are deflated in parallel. */
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

interface DeflateBlock {
  readonly block: Buffer;
  /** The block before, whose last 32 KiB this one may refer to; null for the first. */
  readonly previous: Buffer | null;
  readonly isLast: boolean;
}

/**
 * Deflates one block on the thread pool. The packed blocks in order are one valid deflate stream (as with pigz): each ends on
 * a byte border, and a decoder still holds the end of the previous block, to which this one may refer.
 */
function deflateBlock({ block, previous, isLast }: DeflateBlock): Promise<Buffer> {
  const options = {
    level: 6,
    chunkSize: OUTPUT_BYTES,
    finishFlush: isLast ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
    ...(previous && { dictionary: previous.subarray(-WINDOW_BYTES) }),
  };
  return new Promise((resolve, reject) => {
    deflateRaw(block, options, (error, packed) => (error ? reject(error) : resolve(packed)));
  });
}
