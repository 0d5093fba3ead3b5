import { partitionName } from '../partition.ts';
import type { FoldedBatch } from './warehouse.ts';

/** A group is stored at once when it has this many records, or this many bytes; larger transactions gain nothing. */
const enoughRecords = 2_000;
const enoughBytes = 1 << 20;

/** A folded batch, and what is told of it after it is stored. */
export interface GroupedBatch {
  readonly folded: FoldedBatch;
  readonly bytesRead: number;
}

/**
 * Gathers folded batches that are stored in one transaction, because each costs tens of milliseconds, and a quiet log of
 * many partitions gives many small batches a second.
 */
export class BatchGroup {
  readonly #gatherMs: number;
  readonly #store: (batches: readonly GroupedBatch[]) => void;
  #batches: GroupedBatch[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** `store` is called with each group, in order, at most `gatherMs` after its first batch was added. */
  constructor(gatherMs: number, store: (batches: readonly GroupedBatch[]) => void) {
    this.#gatherMs = gatherMs;
    this.#store = store;
  }

  /** Adds a batch. Batches of one partition, or with a service in common, are stored one after another. */
  add(batch: GroupedBatch): void {
    if (!this.#mayJoin(batch.folded)) this.flush();
    this.#batches.push(batch);
    const records = this.#sum(({ folded }) => folded.facts.recordsRead);
    const isEnough = records >= enoughRecords || this.#sum(({ bytesRead }) => bytesRead) >= enoughBytes;
    if (isEnough || this.#gatherMs === 0) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), this.#gatherMs);
  }

  /** Stores what was gathered. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batches = this.#batches;
    this.#batches = [];
    if (batches.length > 0) this.#store(batches);
  }

  /** Drops what was gathered; it is read again. */
  drop(): void {
    this.#batches = [];
    this.flush();
  }

  #mayJoin({ facts, fragments }: FoldedBatch): boolean {
    const name = partitionName(facts.partition);
    return this.#batches.every(
      ({ folded }) => partitionName(folded.facts.partition) !== name && areDisjoint(folded.fragments, fragments),
    );
  }

  #sum(count: (batch: GroupedBatch) => number): number {
    return this.#batches.reduce((sum, batch) => sum + count(batch), 0);
  }
}

type Fragments = FoldedBatch['fragments'];

function areDisjoint(one: Fragments, other: Fragments): boolean {
  const [fewer, more] = one.size < other.size ? [one, other] : [other, one];
  for (const serviceId of fewer.keys()) if (more.has(serviceId)) return false;
  return true;
}
