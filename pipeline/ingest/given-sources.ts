import { withCoverage, withEnd, withGiven, withoutGiven } from '../completeness/ends.ts';
import type { Sources } from '../completeness/sources.ts';
import { TidemarkError } from '../errors.ts';
import { partitionName } from '../partition.ts';
import type { Clock, EventSource, PartitionId, SourceKind, StoredPosition } from '../ports.ts';
import type { Warehouse } from './warehouse.ts';

/** A file, standard input or a log folder that `ingest` was given. */
export interface GivenSource {
  /** As the user gave it. */
  readonly path: string;
  readonly kind: Exclude<SourceKind, 'live'>;
  readonly source: EventSource;
  /** The partitions that it will read, before a record of it is read; none where that is not known yet. */
  partitions(stored: readonly StoredPosition[]): Promise<readonly PartitionId[]>;
  /** True when the last reading left something for the next run, such as an incomplete last line. */
  isUnfinished(): boolean;
}

interface IngestingGiven<S extends GivenSource> {
  readonly warehouse: Pick<Warehouse, 'positions' | 'sources' | 'note' | 'record'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** All events before this time have been given once every source is read; null for no such declaration. */
  readonly coversUntil: number | null;
  /** Reads one source to its end, and calls `onStored` with the partition of each batch. */
  read(given: S, onStored: (partition: PartitionId) => void): Promise<void>;
}

/**
 * That a source has ended is on disk this much later at most: with thousands of small files, a transaction for each would
 * take longer than reading them. A crash before that leaves sources that windows wait for until they are given again.
 */
const recordEveryMs = 1_000;

interface RecordedSource<S> {
  readonly given: S;
  readonly partitions: readonly PartitionId[];
}

/**
 * Reads sources one after another (contract 4.25). All are recorded before the first is read: until each is read to its
 * end, windows wait for it. A source that is refused before a record of it is read stays what it was. The declaration
 * counts only when all have been read to their ends. Throws what identifying and reading them throw.
 */
export async function ingestGiven<S extends GivenSource>(
  all: readonly S[],
  ingesting: IngestingGiven<S>,
): Promise<{ readonly isFinished: boolean }> {
  const { warehouse, clock, signal, coversUntil } = ingesting;
  const before = warehouse.sources();
  const positions = warehouse.positions();
  const recorded: RecordedSource<S>[] = [];
  for (const given of all) recorded.push({ given, partitions: await given.partitions(positions) });
  await warehouse.record(sources => withRecorded(sources, recorded));
  let isFinished = true;
  let recordedAt = clock.now();
  for (const source of recorded) {
    if (!(await readToEnd(source, before, ingesting))) isFinished = false;
    if (signal.aborted) break;
    if (clock.now() - recordedAt < recordEveryMs) continue;
    await warehouse.record(sources => sources);
    recordedAt = clock.now();
  }
  isFinished &&= !signal.aborted;
  await warehouse.record(sources =>
    isFinished && coversUntil !== null ? withCoverage(sources, coversUntil) : sources,
  );
  return { isFinished };
}

function withRecorded(sources: Sources, recorded: readonly RecordedSource<GivenSource>[]): Sources {
  const kinds = [...new Set(recorded.map(({ given }) => given.kind))];
  return kinds.reduce((all, kind) => {
    const ofKind = recorded.filter(({ given }) => given.kind === kind);
    const given = ofKind.flatMap(({ given: { path }, partitions }) =>
      partitions.map(partition => ({ ...partition, origin: path })),
    );
    return withGiven(all, given, kind);
  }, sources);
}

/** Reads one source and records that it has ended; false when something of it is left. */
async function readToEnd<S extends GivenSource>(
  { given, partitions }: RecordedSource<S>,
  before: Sources,
  { warehouse, signal, read }: IngestingGiven<S>,
): Promise<boolean> {
  const stored = new Map<string, PartitionId>();
  try {
    await read(given, partition => stored.set(partitionName(partition), partition));
  } catch (error) {
    const isUndone = stored.size === 0 && isRefusal(error);
    await warehouse.record(sources => (isUndone ? withoutGiven(sources, before, partitions) : sources));
    throw error;
  }
  if (signal.aborted || given.isUnfinished()) return false;
  // A file that grew meanwhile has another identity than the one that was recorded; nothing was stored under that one.
  const known = warehouse.sources().partitions;
  const isKnown = (partition: PartitionId): boolean =>
    given.kind === 'folder' || (known.get(partitionName(partition))?.nextOffset ?? null) !== null;
  const ended = [...partitions.filter(isKnown), ...stored.values()];
  const unknown = partitions.filter(partition => !isKnown(partition));
  warehouse.note(sources => withEnd(withoutGiven(sources, before, unknown), ended, { by: 'ingest' }));
  return true;
}

/** True for a source that does not go on where what was stored ends, or that may not be read now. */
function isRefusal(error: unknown): boolean {
  const codes = ['SOURCE_CHANGED', 'SOURCE_MISSING', 'RECORDS_LOST', 'LOG_LOCKED'];
  return error instanceof TidemarkError && codes.includes(error.code);
}
