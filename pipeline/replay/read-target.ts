import type { ReplayTarget, Sources } from '../completeness/sources.ts';
import { TidemarkError } from '../errors.ts';
import { type IngestOptions, ingest } from '../ingest/ingest.ts';
import { ShrinkingSource } from '../ingest/shrinking-source.ts';
import type { ReadingStore, Warehouse } from '../ingest/warehouse.ts';
import { isSamePartition, partitionName } from '../partition.ts';
import type { BatchLimits, EventSource, PartitionId, StoredPosition } from '../ports.ts';

/** A log that is read again. */
export interface LogAgain {
  /** The targets in the order in which they are read; those of one list are read side by side. */
  together(targets: readonly ReplayTarget[]): readonly (readonly ReplayTarget[])[];
  /** What reads one of these lists, up to the end of each target: each given log that holds it, in the order in which they were given. */
  open(targets: readonly ReplayTarget[]): AsyncIterable<(limits: BatchLimits) => EventSource>;
}

interface ReadingAgain {
  readonly log: LogAgain;
  readonly warehouse: ReadingStore & Pick<Warehouse, 'sources'>;
  readonly options: ReplayOptions;
}

export interface ReplayOptions extends Omit<IngestOptions, 'shrink'> {
  /** How large the batches are at first. */
  readonly limits: BatchLimits;
}

/**
 * Stores the records of targets that are read together, from where the store has them on. Where a log ends before the targets, or
 * cannot be read, the next one that holds them goes on. Returns false where none holds them. Throws as `ingest` does for the
 * last one.
 */
export async function readTargets(
  targets: readonly ReplayTarget[],
  { log, warehouse, options }: ReadingAgain,
): Promise<boolean> {
  const areRead = (): boolean => targets.every(target => isRead(target, warehouse.sources()));
  if (areRead()) return true;
  let isHeld = false;
  let failure: TidemarkError | null = null;
  for await (const open of log.open(targets)) {
    isHeld = true;
    const source = new ShrinkingSource(options.limits, open);
    const shrink = (): EventSource | null => source.shrink();
    failure = await ingest(source.current, warehouse, { ...options, shrink }).then(() => null, unlessOfLog);
    if (areRead() || options.signal.aborted) return true;
  }
  if (failure !== null) throw failure;
  return isHeld;
}

function isRead({ partition, until }: ReplayTarget, { partitions }: Pick<Sources, 'partitions'>): boolean {
  const stored = partitions.get(partitionName(partition))?.nextOffset ?? null;
  return stored !== null && until !== null && stored >= until;
}

const logFailures: readonly unknown[] = [
  'RECORDS_LOST',
  'SOURCE_CHANGED',
  'SOURCE_CORRUPT',
  'SOURCE_MISSING',
  'SOURCE_REFUSED',
  'TOPIC_UNFIT',
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

/** The stored positions, and the beginnings of those targets of which nothing is stored. A file is recognized by the topic of its beginning. */
export function beginnings(
  stored: readonly StoredPosition[],
  targets: readonly ReplayTarget[],
  origin: string,
): readonly StoredPosition[] {
  const isStored = (partition: PartitionId): boolean =>
    stored.some(position => isSamePartition(position.partition, partition));
  const begun = targets.filter(({ partition }) => !isStored(partition));
  return [...stored, ...begun.map(({ partition, from }) => ({ partition, origin, nextOffset: from, bookmark: null }))];
}
