import { isTemporary, TidemarkError } from '../../pipeline/errors.ts';
import { isSamePartition } from '../../pipeline/partition.ts';
import type { Log, LogEnd, PartitionId, StoredPosition } from '../../pipeline/ports.ts';
import { orAborted, pause } from '../../pipeline/waiting.ts';
import type { LiveSource } from './live-source.ts';

const lookEveryMs = 2_000;

interface LogWatchParts {
  readonly source: Pick<LiveSource, 'ends' | 'assigned' | 'commit'>;
  readonly positions: () => readonly StoredPosition[];
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Looks every few seconds at how far the log reaches, and commits to the consumer group what is stored. */
export class LogWatch {
  readonly #parts: LogWatchParts;
  #ends: readonly LogEnd[] = [];
  #problem: string | null = 'the end of the log is not known yet';
  #isCommitting = false;

  constructor(parts: LogWatchParts) {
    this.#parts = parts;
  }

  /** How far the assigned partitions reached at the last look. */
  get ends(): readonly LogEnd[] {
    return this.#ends;
  }

  /** Why the last look failed; null when it did not. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Runs until the signal aborts. Throws failures that are not temporary, such as that of a recreated topic. */
  async run(): Promise<void> {
    const { signal } = this.#parts;
    while (!signal.aborted) {
      // A frozen broker answers late; stopping does not wait for it.
      await orAborted(signal, this.#look());
      await pause(lookEveryMs, signal);
    }
  }

  async #look(): Promise<void> {
    const { source, log, signal } = this.#parts;
    try {
      this.#ends = assignedOf(await source.ends(), source.assigned());
      this.#problem = null;
    } catch (error) {
      if (signal.aborted) return;
      if (!isTemporary(error)) throw error;
      if (this.#problem === null) log.warn({ code: error.code }, error.message);
      this.#problem = error.message;
      return;
    }
    this.#commit();
  }

  /** For lag tools only. Tidemark never reads it back, so a failure changes nothing and nothing waits for it. */
  #commit(): void {
    const { source, positions, log } = this.#parts;
    if (this.#isCommitting) return;
    this.#isCommitting = true;
    source
      .commit(positions())
      .catch((error: Error) => log.debug({ error: error.message }, 'offsets could not be committed to the group'))
      .finally(() => {
        this.#isCommitting = false;
      });
  }
}

interface EndsOptions {
  /** Why the log cannot be looked at; null when it can. */
  readonly problem: string | null;
  /** True when the partitions are a fixed list, which holds before the group has assigned them. */
  readonly isFixed: boolean;
}

/**
 * How far the partitions that this process reads reach now. Throws `SOURCE_UNREACHABLE` when the log does not answer, and
 * while no partition is assigned: an empty list would mean that everything is stored.
 */
export async function assignedEnds(
  source: Pick<LiveSource, 'ends' | 'assigned'>,
  { problem, isFixed }: EndsOptions,
): Promise<readonly LogEnd[]> {
  // The cluster did not answer the last time. Another request to it would delay the export until the connection fails.
  if (problem !== null) throw new TidemarkError('SOURCE_UNREACHABLE', problem);
  const ends = await source.ends();
  const assigned = isFixed ? null : source.assigned();
  if (assigned?.length === 0)
    throw new TidemarkError('SOURCE_UNREACHABLE', 'no partition is assigned to this process yet');
  return assignedOf(ends, assigned);
}

function assignedOf(ends: readonly LogEnd[], assigned: readonly PartitionId[] | null): readonly LogEnd[] {
  if (assigned === null) return ends;
  return ends.filter(({ partition }) => assigned.some(other => isSamePartition(other, partition)));
}
