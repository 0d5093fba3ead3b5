import type { Compression } from '../../pipeline/export/selection.ts';
import type { ByteSink } from '../../pipeline/ports.ts';
import type { Packer } from './block-cutter.ts';
import { GzipPacker } from './gzip-packer.ts';
import { OrderedWrites } from './ordered-writes.ts';
import { ZipPacker } from './zip-packer.ts';

/** Makes the packer for a compression. `plainName` is the name of the entry in an archive. */
export function createPacker(compression: Compression, plainName: string, sink: ByteSink): Packer {
  switch (compression) {
    case 'uncompressed':
      return new NoPacker(sink);
    case 'gzip':
      return new GzipPacker(sink);
    case 'zip':
      return new ZipPacker(plainName, sink);
  }
}

/** The file's name without the ending of its compression. */
export function plainName(name: string): string {
  return name.replace(/\.(zip|gz)$/, '');
}

/** Writes blocks as they are. One block is written while the next is hashed. */
class NoPacker implements Packer {
  readonly #writes: OrderedWrites;

  constructor(sink: ByteSink) {
    this.#writes = new OrderedWrites(sink, 1);
  }

  async take(block: Buffer): Promise<void> {
    await this.#writes.add(async () => block);
  }

  async end(block: Buffer): Promise<void> {
    await this.take(block);
    await this.#writes.finish();
  }

  abandon(): Promise<void> {
    return this.#writes.settle();
  }
}
