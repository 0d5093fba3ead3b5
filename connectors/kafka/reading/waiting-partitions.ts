import { partitionName } from '../../../pipeline/partition.ts';
import type { PartitionId } from '../../../pipeline/ports.ts';

/** The partitions that are not read for a while. */
export class WaitingPartitions {
  readonly #timers = new Map<string, NodeJS.Timeout>();

  has(partition: PartitionId): boolean {
    return this.#timers.has(partitionName(partition));
  }

  /** Lets a partition wait, and then calls `goOn`; one that waits already waits anew. */
  add(partition: PartitionId, milliseconds: number, goOn: () => void): void {
    const name = partitionName(partition);
    clearTimeout(this.#timers.get(name));
    const end = (): void => {
      this.#timers.delete(name);
      goOn();
    };
    this.#timers.set(name, setTimeout(end, milliseconds).unref());
  }

  /** Ends all waits without going on. */
  clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
