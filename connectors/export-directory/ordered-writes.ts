import type { ByteSink } from '../../pipeline/ports.ts';

/** Lets a few blocks be packed at the same time while their bytes are written in the order the blocks came. */
export class OrderedWrites {
  readonly #sink: ByteSink;
  readonly #limit: number;
  readonly #waiting: Promise<void>[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(sink: ByteSink, limit: number) {
    this.#sink = sink;
    this.#limit = limit;
  }

  /** Starts packing once fewer than the limit are under way. Rejects with the failure of an earlier block. */
  async add(pack: () => Promise<Uint8Array>): Promise<void> {
    if (this.#waiting.length >= this.#limit) await this.#waiting.shift();
    const write = Promise.all([pack(), this.#last]).then(([bytes]) => this.#sink(bytes));
    // Whoever waits for this block sees the failure; if no one does any more, it must not end the process.
    write.catch(() => undefined);
    this.#waiting.push(write);
    this.#last = write;
  }

  /** Resolves when all that was added is written. */
  async finish(): Promise<void> {
    await this.#last;
  }

  /** Resolves when nothing is under way any more, whatever came of it. */
  async settle(): Promise<void> {
    await Promise.allSettled([...this.#waiting, this.#last]);
  }
}
