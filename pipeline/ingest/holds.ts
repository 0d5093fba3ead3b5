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
  /** Why each waiting partition waits, by its name. */
  readonly #waiting = new Map<string, string>();

  constructor(options: HoldOptions) {
    this.#options = options;
    this.#watch = new MisfitWatch(options.maxPercent);
  }

  /** Decides whether a batch must wait instead of being stored, and reports what changed. */
  mustWait({ partition, records }: RecordBatch, misfits: readonly FoundMisfit[]): boolean {
    const name = partitionName(partition);
    const before = this.#waiting.get(name) ?? null;
    const batch = { records: records.length, misfits };
    const reason = before === null ? this.#watch.check(partition, batch) : this.#watch.checkAgain(partition, batch);
    if (reason === null) this.#waiting.delete(name);
    else this.#waiting.set(name, reason);
    if (reason !== before) this.#options.onChange(partition, reason);
    return reason !== null;
  }

  /** Makes the source give the batch again after a while. All batches before it must have been stored. */
  readAgain(batch: RecordBatch, positions: readonly StoredPosition[]): void {
    const { partition, from, lost } = batch;
    const stored = positions.find(position => isSamePartition(position.partition, partition));
    this.#options.source.readAgain(partition, { stored, from: lost?.from ?? from, afterMs: readAgainAfterMs });
  }
}
