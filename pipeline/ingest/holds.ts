import { isSamePartition, partitionName } from '../partition.ts';
import type { LiveEventSource, PartitionId, RecordBatch, StoredPosition } from '../ports.ts';
import { type FoundMisfit, MisfitWatch } from './misfits.ts';

/** A batch that was not stored is read and decoded again this often. */
const readAgainAfterMs = 30_000;

export interface HoldOptions {
  readonly source: Pick<LiveEventSource, 'readAgain'>;
  /** `max_misfit_percent`. */
  readonly maxPercent: number;
  /** Called with the reason when a partition begins to wait, and with null when it goes on. */
  readonly onChange: (partition: PartitionId, reason: string | null) => void;
}

/** The partitions that wait because their records seem not to fit the configuration (contract 1.19). */
export class Holds {
  readonly #options: HoldOptions;
  readonly #watch: MisfitWatch;
  /** Where each waiting partition stands, by its name. */
  readonly #waiting = new Map<string, { readonly from: number; readonly reason: string }>();

  constructor(options: HoldOptions) {
    this.#options = options;
    this.#watch = new MisfitWatch(options.maxPercent);
  }

  /** True for a batch that follows one that was not stored, and so must be dropped; it is read again after that one. */
  isPastHold(batch: RecordBatch): boolean {
    const waiting = this.#waiting.get(partitionName(batch.partition));
    return waiting !== undefined && firstOffset(batch) !== waiting.from;
  }

  /** Decides whether a batch must wait instead of being stored, and reports what changed. */
  mustWait(batch: RecordBatch, misfits: readonly FoundMisfit[]): boolean {
    const { partition, records } = batch;
    const name = partitionName(partition);
    const reason = this.#watch.check(partition, records.length, misfits);
    const before = this.#waiting.get(name)?.reason ?? null;
    if (reason === null) this.#waiting.delete(name);
    else this.#waiting.set(name, { from: firstOffset(batch), reason });
    if (reason !== before) this.#options.onChange(partition, reason);
    return reason !== null;
  }

  /** Makes the source give the batch again after a while. All batches before it must have been stored. */
  readAgain(batch: RecordBatch, positions: readonly StoredPosition[]): void {
    const { partition } = batch;
    const stored = positions.find(position => isSamePartition(position.partition, partition));
    this.#options.source.readAgain(partition, { stored, from: firstOffset(batch), afterMs: readAgainAfterMs });
  }
}

function firstOffset({ from, lost }: RecordBatch): number {
  return lost?.from ?? from;
}
