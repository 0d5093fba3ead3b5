import type { ReplayTarget } from '../../pipeline/completeness/sources.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { LogPlace } from '../../pipeline/requests/log-place.ts';
import type { FoundTime, LogPart, ReplayLog } from './replay-log.ts';

interface Bounds {
  readonly from: LogPlace;
  readonly until: LogPlace;
  readonly skewMs: number;
}

/** What two places mean in each partition, and what a user should know of them, as sentences. */
interface FoundTargets {
  readonly targets: readonly ReplayTarget[];
  readonly notes: readonly string[];
}

/** Finds the places in each partition. Throws `USAGE` for a place that does not go with the log. */
export async function findTargets(parts: readonly LogPart[], log: ReplayLog, bounds: Bounds): Promise<FoundTargets> {
  const { from, until, skewMs } = bounds;
  checkNames([from, until], parts);
  for (const part of parts) if (part.ends === null) checkOfFile(part, from, until);
  const notes: string[] = [];
  const timesOf = async (place: LogPlace, earlierMs: number): Promise<ReadonlyMap<string, FoundTime>> => {
    if (place.at !== 'time') return new Map();
    const times = await log.findTimes(parts, place.time - earlierMs);
    for (const [name, { offset, backMs }] of times)
      if (backMs > 0)
        notes.push(
          `${name}: record times run backwards there: after offset ${offset} some are up to ${backMs} ms earlier`,
        );
    return times;
  };
  const [begins, ends] = [await timesOf(from, skewMs), await timesOf(until, 0)];
  const targets = parts.map((part): ReplayTarget => {
    const { partition, kind } = part;
    const name = partitionName(partition);
    const base = { partition, kind, mayHaveGaps: false };
    if (part.ends === null) return { ...base, from: 0, until: endOfFile(until, name) };
    const { high } = part.ends;
    const first = offsetOf(from, name, { none: 0, time: begins.get(name)?.offset ?? high, now: high });
    const end = offsetOf(until, name, { none: high, time: ends.get(name)?.offset ?? high, now: high });
    if (end > high)
      throw new TidemarkError('USAGE', `--until asks for ${name} up to offset ${end}; its log ends at ${high}`);
    return { ...base, from: first, until: Math.max(first, end) };
  });
  return { targets, notes };
}

function checkNames(places: readonly LogPlace[], parts: readonly LogPart[]): void {
  const names = parts.map(({ partition }) => partitionName(partition));
  for (const place of places)
    for (const name of place.at === 'offsets' ? place.offsets.keys() : [])
      if (!names.includes(name))
        throw new TidemarkError('USAGE', `no log that was given holds ${name}; they hold ${names.join(', ')}`);
}

/** A file is read from its beginning, and keeps no times of its records. */
function checkOfFile({ shown, partition }: LogPart, from: LogPlace, until: LogPlace): void {
  const name = partitionName(partition);
  if (from.at === 'time' || until.at === 'time')
    throw new TidemarkError(
      'USAGE',
      `${shown} keeps no times of its records, so a time says nothing of it; give offsets of ${name}`,
    );
  if (from.at !== 'beginning')
    throw new TidemarkError('USAGE', `${shown} is a file, which is read from its beginning; leave --from out`);
}

function endOfFile(until: LogPlace, name: string): number | null {
  return until.at === 'offsets' ? (until.offsets.get(name) ?? null) : until.at === 'beginning' ? 0 : null;
}

/** `none`: where places by offset do not name the partition. */
function offsetOf(place: LogPlace, name: string, offsets: { none: number; time: number; now: number }): number {
  switch (place.at) {
    case 'beginning':
      return 0;
    case 'offsets':
      return place.offsets.get(name) ?? offsets.none;
    case 'time':
      return offsets.time;
    case 'now':
      return offsets.now;
  }
}
