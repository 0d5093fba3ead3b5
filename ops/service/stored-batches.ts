import { EventEmitter, once } from 'node:events';
import type { BatchFacts } from '../../pipeline/completeness/batch-facts.ts';
import { partitionName } from '../../pipeline/partition.ts';
import { LatenessBook } from './lateness-seen.ts';

/** The batches stored since the start. Exports wait for the next one; the time of the newest record gives the lag in seconds. */
export class StoredBatches {
  readonly #events = new EventEmitter();
  readonly #recordTimes = new Map<string, number>();
  readonly lateness = new LatenessBook();

  constructor() {
    // Every export that waits is a listener, and there may be any number of them.
    this.#events.setMaxListeners(0);
  }

  /** The log's own time of the newest stored record, by partition name, in milliseconds since 1970 UTC. */
  get recordTimes(): ReadonlyMap<string, number> {
    return this.#recordTimes;
  }

  /** To be called after each committed batch. */
  add(batch: BatchFacts): void {
    const { partition, lastRecordTime } = batch;
    this.lateness.add(batch);
    if (lastRecordTime !== null) this.#recordTimes.set(partitionName(partition), lastRecordTime);
    this.#events.emit('stored');
  }

  /** Resolves at the next stored batch, or when the signal aborts. */
  async next(signal: AbortSignal): Promise<void> {
    await once(this.#events, 'stored', { signal }).catch(() => undefined);
  }
}
