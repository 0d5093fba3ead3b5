import { isPassing } from '../../pipeline/errors.ts';
import { isSamePartition } from '../../pipeline/partition.ts';
import type { Log, LogEnd, PartitionId, StoredPosition } from '../../pipeline/ports.ts';
import { orAborted, pause } from '../../pipeline/waiting.ts';
import type { LiveSource } from './live-source.ts';

const lookEveryMs = 2_000;

export interface Watching {
  readonly source: Pick<LiveSource, 'ends' | 'assigned' | 'tell'>;
  readonly positions: () => readonly StoredPosition[];
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Looks every few seconds at how far the log reaches, tells the group what is stored, and knows what is behind. */
export class Watch {
  readonly #watching: Watching;
  #ends: readonly LogEnd[] = [];
  #problem: string | null = 'the end of the log is not known yet';
  #isTelling = false;

  constructor(watching: Watching) {
    this.#watching = watching;
  }

  /** How far the log reached when it was last looked at. */
  get ends(): readonly LogEnd[] {
    return this.#ends;
  }

  /** Why the log could not be looked at; null when it was. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Runs until the signal aborts. Throws what no waiting mends, such as a topic that was made anew. */
  async run(): Promise<void> {
    const { signal } = this.#watching;
    while (!signal.aborted) {
      // A broker that is frozen answers late, and who stops does not wait for it.
      await orAborted(signal, this.look());
      await pause(lookEveryMs, signal);
    }
  }

  async look(): Promise<void> {
    const { source, log, signal } = this.#watching;
    try {
      this.#ends = ours(await source.ends(), source.assigned());
      this.#problem = null;
    } catch (error) {
      if (signal.aborted) return;
      if (!isPassing(error)) throw error;
      if (this.#problem === null) log.warn({ code: error.code }, error.message);
      this.#problem = error.message;
      return;
    }
    this.#tell();
  }

  /** For lag tools only: nothing of ours is ever read from there, so a failure changes nothing and nobody waits for it. */
  #tell(): void {
    const { source, positions, log } = this.#watching;
    if (this.#isTelling) return;
    this.#isTelling = true;
    source
      .tell(positions())
      .catch((error: Error) => log.debug({ error: error.message }, 'the group was not told'))
      .finally(() => {
        this.#isTelling = false;
      });
  }
}

/** Those of the log's partitions that this process owns. */
export function ours(ends: readonly LogEnd[], assigned: readonly PartitionId[] | null): readonly LogEnd[] {
  if (assigned === null) return ends;
  return ends.filter(({ partition }) => assigned.some(of => isSamePartition(of, partition)));
}
