import { type Look, withAssigned, withLook } from '../../pipeline/completeness/changes.ts';
import type { Source, Sources } from '../../pipeline/completeness/sources.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { Warehouse } from '../../pipeline/ingest/warehouse.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { Clock, Log, PartitionId } from '../../pipeline/ports.ts';
import type { LiveSource } from './live-source.ts';
import { describePart, openTransactionMs, unreadPartitions } from './partition-facts.ts';
import { RepeatedLook } from './repeated-look.ts';

/** What looks find is stored at least this often, also where no batch comes. */
const recordEveryMs = 60_000;
const longTransactionMs = 60_000;

interface LogWatchParts {
  readonly source: Pick<LiveSource, 'look' | 'assigned' | 'commit' | 'name' | 'problem'>;
  readonly warehouse: Pick<Warehouse, 'positions' | 'sources' | 'note' | 'record'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Looks at the live log: every few seconds, and for each export. Looks follow one another, because an answer that is
 * older than the one before it would say less than that one. The sources count each look (contract 4.23).
 */
export class LogWatch {
  readonly #parts: LogWatchParts;
  readonly #repeated: RepeatedLook;
  #running: Promise<unknown> = Promise.resolve();
  /** The look that begins when the running one has ended; all that ask until then share it. */
  #next: Promise<Look> | null = null;
  #recordedAt = 0;
  #lookedAt: number | null = null;
  /** The names of the partitions that were assigned, and of those whose log had changed, when all was last recorded. */
  #assigned = '';
  #changed = '';
  readonly #warnedOf = new Map<string, number>();

  constructor(parts: LogWatchParts) {
    this.#parts = parts;
    const { source, warehouse, log, signal } = parts;
    this.#repeated = new RepeatedLook({
      look: () => this.#lookAndReport(),
      commit: () => source.commit(warehouse.positions()),
      ...{ log, signal },
    });
  }

  /** Why the last look failed; null when it did not. */
  get problem(): string | null {
    return this.#repeated.problem;
  }

  /** The clock of the last look that was answered, in milliseconds since 1970 UTC; null before the first. */
  get lookedAt(): number | null {
    return this.#lookedAt;
  }

  /** Runs until the signal aborts. Throws failures that are not temporary, such as that of a recreated topic. */
  run(): Promise<void> {
    return this.#repeated.run();
  }

  /**
   * Looks for an export. Throws `SOURCE_UNREACHABLE` also when the log did not answer the last time: another request would
   * delay the export until the connection fails.
   */
  async lookForExport(): Promise<Look> {
    const { source } = this.#parts;
    const problem = source.name() === null ? source.problem() : this.problem;
    if (problem !== null) throw new TidemarkError('SOURCE_UNREACHABLE', problem);
    return this.look();
  }

  /** Looks at the log after the look that is running now. Throws `SOURCE_UNREACHABLE`. */
  look(): Promise<Look> {
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = null;
        const look = this.#look();
        this.#running = look;
        return look;
      });
    return this.#next;
  }

  async #look(): Promise<Look> {
    const { source, warehouse, clock } = this.#parts;
    // The clock and the sources are read before the ends are asked for: what comes after the answer must not count.
    const at = clock.now();
    const asked = warehouse.sources();
    const look = { at, ...(await source.look()) };
    this.#lookedAt = at;
    const origin = source.name() ?? '';
    warehouse.note(sources => withLook(withAssigned(sources, source.assigned(), origin), look, asked));
    return look;
  }

  async #lookAndReport(): Promise<void> {
    await this.look();
    await this.#record();
    this.#warnOfTransactions();
  }

  /**
   * Stores what looks found: at once when the assignment changed, because a partition taken away stays where it was, and
   * when a log turned out to be another one, which a later look may not see any more.
   */
  async #record(): Promise<void> {
    const { source, warehouse, clock } = this.#parts;
    const assigned = namesOf(source.assigned());
    const changed = namesOf(Array.from(warehouse.sources().partitions.values()).filter(isChanged));
    const isSame = assigned === this.#assigned && changed === this.#changed;
    if (isSame && clock.now() - this.#recordedAt < recordEveryMs) return;
    await warehouse.record(sources => sources);
    this.#recordedAt = clock.now();
    if (assigned !== this.#assigned && assigned !== '') this.#warnOfPart(warehouse.sources());
    this.#assigned = assigned;
    this.#changed = changed;
  }

  #warnOfPart(sources: Sources): void {
    const unread = unreadPartitions(sources);
    if (unread.length === 0) return;
    const names = unread.map(({ partition }) => partitionName(partition));
    this.#parts.log.warn({ unread: names.length, partitions: names.slice(0, 100) }, describePart(sources));
  }

  /** Warns once of each transaction that has hidden records for a minute. */
  #warnOfTransactions(): void {
    const { warehouse, clock, log } = this.#parts;
    for (const source of warehouse.sources().partitions.values()) {
      const { look, partition } = source;
      const name = partitionName(partition);
      if (look === null || openTransactionMs(source, clock.now()) < longTransactionMs) continue;
      if (this.#warnedOf.get(name) === look.stable) continue;
      this.#warnedOf.set(name, look.stable);
      const hidden = { from_offset: look.stable, to_offset: look.high };
      log.warn({ ...partition, ...hidden }, 'an open transaction has hidden records for a minute');
    }
  }
}

function namesOf(partitions: readonly { readonly partition: PartitionId }[]): string {
  return partitions
    .map(({ partition }) => partitionName(partition))
    .toSorted()
    .join(' ');
}

function isChanged({ changed }: Source): boolean {
  return changed !== null;
}
