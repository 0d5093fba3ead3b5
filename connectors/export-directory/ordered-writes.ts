import type { ByteSink } from '../../pipeline/ports.ts';

/** Packs a few blocks at the same time and writes their bytes in the order in which the blocks were added. */
export class OrderedWrites {
  readonly #sink: ByteSink;
  readonly #limit: number;
  /** Blocks that are being packed or written, oldest first. */
  readonly #underWay: Promise<void>[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(sink: ByteSink, limit: number) {
    this.#sink = sink;
    this.#limit = limit;
  }

  /** Starts packing a block when fewer than the limit are under way. Rejects with the failure of an earlier block. */
  async add(pack: () => Promise<Uint8Array>): Promise<void> {
    if (this.#underWay.length >= this.#limit) await this.#underWay.shift();
    const write = Promise.all([pack(), this.#last]).then(([bytes]) => this.#sink(bytes));
    // `add` and `finish` throw the failure; if neither is called again, it must not count as an unhandled rejection.
    write.catch(() => undefined);
    this.#underWay.push(write);
    this.#last = write;
  }

  /** Resolves when all added blocks are written. */
  async finish(): Promise<void> {
    await this.#last;
  }

  /** Resolves when no block is under way any more, also after failures. */
  async settle(): Promise<void> {
    await Promise.allSettled([...this.#underWay, this.#last]);
  }
}
