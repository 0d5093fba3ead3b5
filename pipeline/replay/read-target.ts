import type { ReplayTarget } from '../completeness/sources.ts';
import { type IngestOptions, ingest } from '../ingest/ingest.ts';
import type { Warehouse } from '../ingest/warehouse.ts';
import { isSamePartition, partitionName } from '../partition.ts';
import type { EventSource, StoredPosition } from '../ports.ts';

/** A log that is read again. */
export interface LogAgain {
  /** What reads the target, up to its end; null where no given log holds its partition. */
  open(target: ReplayTarget): Promise<EventSource | null>;
}

interface ReadingAgain {
  readonly log: LogAgain;
  readonly warehouse: Pick<Warehouse, 'positions' | 'sources' | 'store'>;
  readonly options: IngestOptions;
}

/**
 * Stores the records of one target from where the store has them on. Returns false where no given log holds its partition.
 * Throws as `ingest` does.
 */
export async function readTarget(target: ReplayTarget, { log, warehouse, options }: ReadingAgain): Promise<boolean> {
  const stored = warehouse.sources().partitions.get(partitionName(target.partition))?.nextOffset ?? null;
  if (stored !== null && target.until !== null && stored >= target.until) return true;
  const source = await log.open(target);
  if (source === null) return false;
  await ingest(beginningAt(source, target), warehouse, options);
  return true;
}

/** The source, which begins where the target does. A file is recognized by the topic of that position. */
function beginningAt(source: EventSource, { partition, from, mayHaveGaps, kind }: ReplayTarget): EventSource {
  const begin: StoredPosition = { partition, origin: '', nextOffset: from, bookmark: null };
  const isNeeded = kind === 'file' || from > 0 || mayHaveGaps;
  const withBegin = (stored: readonly StoredPosition[]): readonly StoredPosition[] =>
    !isNeeded || stored.some(position => isSamePartition(position.partition, partition)) ? stored : [...stored, begin];
  return { read: (stored, signal) => source.read(withBegin(stored), signal) };
}
