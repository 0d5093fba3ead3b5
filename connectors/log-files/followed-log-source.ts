import { isTemporary, TidemarkError } from '../../pipeline/errors.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type {
  BatchLimits,
  LiveEventSource,
  Log,
  PartitionId,
  RecordBatch,
  SecondReading,
  StoredPosition,
} from '../../pipeline/ports.ts';
import { pause } from '../../pipeline/waiting.ts';
import { logsState } from './log/list-logs.ts';
import type { LostRecordsPolicy } from './log/log-start.ts';
import { logDirectorySource } from './log-directory-source.ts';

const checkEveryMs = 100;
const missingCheckEveryMs = 1_000;

interface FollowedLogOptions extends BatchLimits {
  readonly path: string;
  /** What to do about segments that were deleted before they were read. */
  readonly onLostRecords: LostRecordsPolicy;
}

/**
 * Reads the logs under a folder, and then the records that are appended to them, until the signal aborts. Synced records are
 * read within a tenth of a second. While there is no folder, or no log in it, or it cannot be read for a reason that passes,
 * it waits. Throws as `logDirectorySource` does for all else.
 */
export class FollowedLogSource implements LiveEventSource {
  readonly #path: string;
  readonly #log: Log;
  readonly #source: ReturnType<typeof logDirectorySource>;
  readonly #positions = new Map<string, StoredPosition>();
  /** The partitions that are to be read again from their positions, by name, and from when on (`performance.now()`). */
  readonly #waiting = new Map<string, number>();
  #problem: string | null = null;

  constructor(options: FollowedLogOptions, log: Log) {
    this.#path = options.path;
    this.#log = log;
    const skips = (partition: PartitionId): boolean => this.#waiting.has(partitionName(partition));
    this.#source = logDirectorySource({ ...options, kind: 'live', skips });
  }

  /** Why nothing is read at the moment; null while there is a log. */
  get problem(): string | null {
    return this.#problem;
  }

  async *read(stored: readonly StoredPosition[], signal: AbortSignal): AsyncGenerator<RecordBatch> {
    for (const position of stored) this.#positions.set(partitionName(position.partition), position);
    let seen: string | null = null;
    while (!signal.aborted) {
      try {
        // Before reading: what is appended while this round reads is noticed in the next one.
        const state = await logsState(this.#path);
        this.#problem = null;
        const hasWaited = this.#endWaits();
        if (state !== seen || hasWaited) yield* this.#readRound(signal);
        else await pause(checkEveryMs, signal);
        seen = state;
      } catch (error) {
        if (!isPassing(error)) throw error;
        this.#problem = error.message;
        seen = null;
        await pause(missingCheckEveryMs, signal);
      }
    }
  }

  async *#readRound(signal: AbortSignal): AsyncGenerator<RecordBatch> {
    for await (const batch of this.#source.read([...this.#positions.values()], signal)) {
      const { partition, origin, next, lost } = batch;
      if (lost !== undefined) {
        const facts = { code: 'RECORDS_LOST', ...partition, ...lost };
        this.#log.error(facts, 'records were lost; reading continues after the gap');
      }
      this.#positions.set(partitionName(partition), { ...next, partition, origin });
      yield batch;
    }
  }

  readAgain(partition: PartitionId, { stored, afterMs }: SecondReading): void {
    const name = partitionName(partition);
    if (stored === undefined) this.#positions.delete(name);
    else this.#positions.set(name, stored);
    this.#waiting.set(name, performance.now() + afterMs);
  }

  /** Ends the waits that have lasted long enough; true when there was one. */
  #endWaits(): boolean {
    const now = performance.now();
    const ready = Array.from(this.#waiting).filter(([, from]) => from <= now);
    for (const [name] of ready) this.#waiting.delete(name);
    return ready.length > 0;
  }
}

function isPassing(error: unknown): error is TidemarkError {
  return isTemporary(error) || (error instanceof TidemarkError && error.code === 'SOURCE_MISSING');
}
