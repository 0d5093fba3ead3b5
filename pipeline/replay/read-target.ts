import type { ReplayTarget } from '../completeness/sources.ts';
import { type IngestOptions, ingest } from '../ingest/ingest.ts';
import type { Warehouse } from '../ingest/warehouse.ts';
import { isSamePartition, partitionName } from '../partition.ts';
import type { EventSource, StoredPosition } from '../ports.ts';

/** A log that is read again. */
export interface LogAgain {
  /** What reads the target, up to its end: each given log that holds its partition, in the order in which they were given. */
  open(target: ReplayTarget): AsyncIterable<EventSource>;
}

interface ReadingAgain {
  readonly log: LogAgain;
  readonly warehouse: Pick<Warehouse, 'positions' | 'sources' | 'store'>;
  readonly options: IngestOptions;
}

/**
 * Stores the records of one target from where the store has them on. Where a log ends before the target, or cannot be read,
 * the next one that holds the partition goes on. Returns false where none holds it. Throws as `ingest` does for the last one.
 */
export async function readTarget(target: ReplayTarget, { log, warehouse, options }: ReadingAgain): Promise<boolean> {
  const isRead = (): boolean => {
    const stored = warehouse.sources().partitions.get(partitionName(target.partition))?.nextOffset ?? null;
    return stored !== null && target.until !== null && stored >= target.until;
  };
  if (isRead()) return true;
  let isHeld = false;
  let failure: unknown = null;
  for await (const source of log.open(target)) {
    isHeld = true;
    failure = await ingest(beginningAt(source, target), warehouse, options).then(
      () => null,
      error => error,
    );
    if (isRead() || options.signal.aborted) return true;
  }
  if (failure !== null) throw failure;
  return isHeld;
}

/** The source, which begins where the target does. A file is recognized by the topic of that position. */
function beginningAt(source: EventSource, { partition, from, mayHaveGaps, kind }: ReplayTarget): EventSource {
  const begin: StoredPosition = { partition, origin: '', nextOffset: from, bookmark: null };
  const isNeeded = kind === 'file' || from > 0 || mayHaveGaps;
  const withBegin = (stored: readonly StoredPosition[]): readonly StoredPosition[] =>
    !isNeeded || stored.some(position => isSamePartition(position.partition, partition)) ? stored : [...stored, begin];
  return { read: (stored, signal) => source.read(withBegin(stored), signal) };
}
