import type { BatchLimits } from '../ports.ts';

/** A source that can be opened again with smaller batches, because memory could not hold one of them. */
export class ShrinkingSource<S> {
  readonly #open: (limits: BatchLimits) => S;
  #limits: BatchLimits;
  current: S;

  constructor(limits: BatchLimits, open: (limits: BatchLimits) => S) {
    this.#open = open;
    this.#limits = limits;
    this.current = open(limits);
  }

  /** Opens the source with batches of half the size; null when a batch holds one record only. */
  shrink(): S | null {
    const { batchRecords, batchBytes } = this.#limits;
    if (batchRecords === 1 || batchBytes === 1) return null;
    this.#limits = { batchRecords: Math.ceil(batchRecords / 2), batchBytes: Math.ceil(batchBytes / 2) };
    this.current = this.#open(this.#limits);
    return this.current;
  }
}
