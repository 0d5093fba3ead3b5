import type { Compression } from '../../pipeline/export/selection.ts';
import type { ByteSink } from '../../pipeline/ports.ts';
import { GzipPacker } from './gzip-packer.ts';
import { OrderedWrites } from './ordered-writes.ts';
import type { Packer } from './packer.ts';
import { ZipPacker } from './zip-packer.ts';

/** The packer for a compression; `plainName` is the name of the content inside an archive. */
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

/** The name of the content: the file's own, without what the compression adds to it. */
export function plainName(name: string): string {
  return name.replace(/\.(zip|gz)$/, '');
}

/** Writes one block while the next is hashed. */
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
