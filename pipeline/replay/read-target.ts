import type { ReplayTarget } from '../completeness/sources.ts';
import { TidemarkError } from '../errors.ts';
import { type IngestOptions, ingest } from '../ingest/ingest.ts';
import type { ReadingStore, Warehouse } from '../ingest/warehouse.ts';
import { isSamePartition, partitionName } from '../partition.ts';
import type { EventSource, StoredPosition } from '../ports.ts';

/** A log that is read again. */
export interface LogAgain {
  /** What reads the target, up to its end: each given log that holds its partition, in the order in which they were given. */
  open(target: ReplayTarget): AsyncIterable<EventSource>;
}

interface ReadingAgain {
  readonly log: LogAgain;
  readonly warehouse: ReadingStore & Pick<Warehouse, 'sources'>;
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
  let failure: TidemarkError | null = null;
  for await (const source of log.open(target)) {
    isHeld = true;
    failure = await ingest(beginningAt(source, target), warehouse, options).then(() => null, unlessOfLog);
    if (isRead() || options.signal.aborted) return true;
  }
  if (failure !== null) throw failure;
  return isHeld;
}

const logFailures: readonly unknown[] = [
  'RECORDS_LOST',
  'SOURCE_CHANGED',
  'SOURCE_CORRUPT',
  'SOURCE_MISSING',
  'SOURCE_REFUSED',
];

/** Whether an error says that a log is not, or not any more, what was consumed, or that it cannot be read. */
export function isOfLog(error: unknown): error is TidemarkError {
  return error instanceof TidemarkError && logFailures.includes(error.code);
}

/** Another log may help after such an error only. */
function unlessOfLog(error: unknown): TidemarkError {
  if (isOfLog(error)) return error;
  throw error;
}

/** The source, which begins where the target does. A file is recognized by the topic of that position. */
function beginningAt(source: EventSource, { partition, from, mayHaveGaps, kind }: ReplayTarget): EventSource {
  const begin: StoredPosition = { partition, origin: '', nextOffset: from, bookmark: null };
  const isNeeded = kind === 'file' || from > 0 || mayHaveGaps;
  const withBegin = (stored: readonly StoredPosition[]): readonly StoredPosition[] =>
    !isNeeded || stored.some(position => isSamePartition(position.partition, partition)) ? stored : [...stored, begin];
  return { read: (stored, signal) => source.read(withBegin(stored), signal) };
}
