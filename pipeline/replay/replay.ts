import { withEnd } from '../completeness/ends.ts';
import type { Replay, ReplayTarget, Sources } from '../completeness/sources.ts';
import { TidemarkError } from '../errors.ts';
import type { ReadingStore, Warehouse } from '../ingest/warehouse.ts';
import { partitionName } from '../partition.ts';
import { type LogAgain, type ReplayOptions, readTargets } from './read-target.ts';

interface Replaying {
  readonly log: LogAgain;
  readonly warehouse: ReadingStore & Pick<Warehouse, 'sources' | 'record'>;
  readonly options: ReplayOptions;
}

/**
 * Reads the log into an empty store, or goes on with a replay of the same command that was interrupted. What it was asked for is
 * recorded before the first record, and that it has ended after the last one. Throws `REQUEST_CONFLICT` for a store that
 * another command made, `SOURCE_MISSING` where a log is not given any more, `SOURCE_CHANGED` where it ends too early, and as
 * `ingest` does.
 */
export async function runReplay(asked: Replay, { log, warehouse, options }: Replaying): Promise<void> {
  const { replay: known, partitions, topics, coversUntil } = warehouse.sources();
  if (known === null && (partitions.size > 0 || topics.length > 0 || coversUntil !== null))
    throw new TidemarkError(
      'REQUEST_CONFLICT',
      'the database holds events that no replay stored, or follows a log; give --into another file',
    );
  if (known !== null && commandOf(known) !== commandOf(asked))
    throw new TidemarkError(
      'REQUEST_CONFLICT',
      `the database belongs to the replay ${commandOf(known)}, not to ${commandOf(asked)}; give --into another file`,
    );
  if (known?.isFinished) return;
  // What `now` or a time stood for at first stays, however the log grew since.
  const replay = known ?? asked;
  await warehouse.record(sources => ({ ...sources, replay, topics: replay.topics ?? [] }));
  for (const targets of log.together(replay.targets)) {
    if (!(await readTargets(targets, { log, warehouse, options }))) throw notHeld(targets);
    if (options.signal.aborted) return;
    for (const target of targets) checkReached(target, warehouse.sources());
  }
  const read = replay.targets.filter(({ partition }) => warehouse.sources().partitions.has(partitionName(partition)));
  await warehouse.record(sources => ({
    ...(replay.watermark === 'of the sources' ? withEnd(sources, partitionsOf(read), { by: 'ingest' }) : sources),
    replay: { ...replay, isFinished: true },
  }));
}

function notHeld(targets: readonly ReplayTarget[]): TidemarkError {
  const names = targets.map(({ partition }) => partitionName(partition)).join(', ');
  return new TidemarkError('SOURCE_MISSING', `no log that was given holds ${names}`);
}

/** Throws `SOURCE_CHANGED` when the log ended before the target: the replay would say that it has ended, and lack records. */
function checkReached({ partition, from, until }: ReplayTarget, { partitions }: Sources): void {
  const name = partitionName(partition);
  const position = partitions.get(name)?.nextOffset ?? from;
  if (until === null || position >= until) return;
  const problem = `${name} ends at offset ${position}; the replay is to read it up to offset ${until}`;
  throw new TidemarkError('SOURCE_CHANGED', `${problem}. Give a log that holds all of it`);
}

/** Throws `REQUEST_CONFLICT` for the database of a replay: other events would make it another one than the replay says. */
export function refuseReplay({ replay }: Pick<Sources, 'replay'>): void {
  if (replay === null) return;
  const problem = `the database belongs to the replay ${commandOf(replay)}; nothing else may be stored in it`;
  throw new TidemarkError('REQUEST_CONFLICT', `${problem}; set db to another file`);
}

function partitionsOf(targets: readonly ReplayTarget[]) {
  return targets.map(({ partition }) => partition);
}

/** The command, for comparison and for messages. */
function commandOf({ from, until, allowGaps, paths }: Pick<Replay, 'from' | 'until' | 'allowGaps' | 'paths'>): string {
  return [`--from ${from}`, `--until ${until}`, ...(allowGaps ? ['--allow-gaps'] : []), ...paths].join(' ');
}
