import type { BatchFacts } from '../../pipeline/completeness/batch-facts.ts';
import { partitionName } from '../../pipeline/partition.ts';

/** How late the newest events of a partition came, in milliseconds: what `allowed_lateness_ms` has to cover. */
export interface LatenessSeen {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const keptEvents = 10_000;

/** The lateness of the last 10,000 events of each partition, since this process started. */
export class LatenessBook {
  readonly #rings = new Map<string, LatenessRing>();

  add({ partition, lateness }: Pick<BatchFacts, 'partition' | 'lateness'>): void {
    if (lateness.length === 0) return;
    const name = partitionName(partition);
    const ring = this.#rings.get(name) ?? new LatenessRing();
    ring.add(lateness);
    this.#rings.set(name, ring);
  }

  /** Null before the first event with a record time. */
  of(name: string): LatenessSeen | null {
    return this.#rings.get(name)?.seen() ?? null;
  }
}

class LatenessRing {
  #values = new Float64Array(256);
  #count = 0;
  #at = 0;
  /** Sorted once for all readers between two batches. */
  #seen: LatenessSeen | null = null;

  add(lateness: readonly number[]): void {
    for (const value of lateness) {
      if (this.#at === this.#values.length && this.#values.length < keptEvents) this.#grow();
      if (this.#at === this.#values.length) this.#at = 0;
      this.#values[this.#at] = value;
      this.#at += 1;
      this.#count = Math.max(this.#count, this.#at);
    }
    this.#seen = null;
  }

  seen(): LatenessSeen {
    if (this.#seen !== null) return this.#seen;
    const sorted = this.#values.slice(0, this.#count).sort();
    const at = (share: number): number => sorted[Math.min(this.#count - 1, Math.floor(this.#count * share))]!;
    this.#seen = { p50: at(0.5), p99: at(0.99), max: sorted[this.#count - 1]! };
    return this.#seen;
  }

  #grow(): void {
    const larger = new Float64Array(Math.min(this.#values.length * 4, keptEvents));
    larger.set(this.#values);
    this.#values = larger;
  }
}
