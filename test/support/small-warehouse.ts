import { TidemarkError } from '../../pipeline/errors.ts';
import type { FoldedBatch } from '../../pipeline/ingest/warehouse.ts';
import type { PartitionId, StoredPosition } from '../../pipeline/ports.ts';

/** Holds batches of so many records; a larger one, and what was given after it, fails. */
export class SmallWarehouse {
  /** Called after each batch. */
  onStored: (() => void) | null = null;
  readonly stored: (readonly [from: number, next: number])[] = [];
  readonly #partition: PartitionId;
  readonly #most: number;
  #position: StoredPosition | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #hasFailed = false;

  constructor(partition: PartitionId, most: number) {
    this.#partition = partition;
    this.#most = most;
  }

  positions(): readonly StoredPosition[] {
    return this.#position === null ? [] : [this.#position];
  }

  beginReading(): readonly StoredPosition[] {
    this.#hasFailed = false;
    return this.positions();
  }

  store({ facts }: FoldedBatch): Promise<readonly string[]> {
    const done = this.#last.then(() => {
      this.#hasFailed ||= facts.recordsRead > this.#most;
      if (this.#hasFailed) throw new TidemarkError('OUT_OF_MEMORY', `${facts.recordsRead} are too many`);
      this.stored.push([facts.from, facts.next.nextOffset]);
      this.#position = { partition: this.#partition, origin: facts.origin, ...facts.next };
      this.onStored?.();
      return [];
    });
    this.#last = done.catch(() => undefined);
    return done;
  }
}
