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

/** What two places mean in each partition. */
interface FoundTargets {
  readonly targets: readonly ReplayTarget[];
  /** What a user should know of them, as sentences. */
  readonly notes: readonly string[];
  /** The record time before which all records are read, as far as the log shows; null without a time. */
  readonly readBefore: number | null;
}

/** Finds the places in each partition. Throws `USAGE` for a place that does not go with the log. */
export async function findTargets(parts: readonly LogPart[], log: ReplayLog, bounds: Bounds): Promise<FoundTargets> {
  const { from, until, skewMs } = bounds;
  checkNames([from, until], parts);
  if (from.at === 'time' && until.at === 'time' && from.time >= until.time)
    throw new TidemarkError('USAGE', '--from is a time that is not before that of --until');
  for (const part of parts) if (part.ends === null) checkOfFile(part, from, until);
  const timesOf = async (place: LogPlace, earlierMs: number): Promise<ReadonlyMap<string, FoundTime>> =>
    place.at === 'time' ? log.findTimes(parts, place.time - earlierMs) : new Map();
  const [begins, ends] = [await timesOf(from, skewMs), await timesOf(until, 0)];
  const targets = parts.map(part => targetOf(part, bounds, { begins, ends }));
  const readBefore = until.at === 'time' ? readBeforeOf(until.time, [...ends.values()]) : null;
  return { targets, notes: [...begins, ...ends].flatMap(noteOf), readBefore };
}

function noteOf([name, { offset, backMs }]: readonly [string, FoundTime]): readonly string[] {
  if (backMs <= 0) return [];
  return [`${name}: record times run backwards there: after offset ${offset} some are up to ${backMs} ms earlier`];
}

/** Where no record is so late, a log that has no clock says nothing of the time after its last record. */
function readBeforeOf(time: number, found: readonly FoundTime[]): number | null {
  const back = Math.max(0, ...found.map(({ backMs }) => backMs));
  const known = found.map(({ offset, latest }) => (offset === null ? latest : time));
  const latest = known.filter(each => each !== null);
  return latest.length === 0 ? null : Math.min(time, Math.max(...latest)) - back;
}

type Times = ReadonlyMap<string, FoundTime>;

function targetOf(
  { partition, kind, ends }: LogPart,
  { from, until }: Bounds,
  times: { readonly begins: Times; readonly ends: Times },
): ReplayTarget {
  const name = partitionName(partition);
  const base = { partition, kind, mayHaveGaps: false };
  if (ends === null) return { ...base, from: 0, until: endOfFile(until, name) };
  const { high } = ends;
  const first = offsetOf(from, name, { none: 0, time: times.begins.get(name)?.offset ?? high, now: high });
  const end = offsetOf(until, name, { none: high, time: times.ends.get(name)?.offset ?? high, now: high });
  for (const [option, offset] of [
    ['--from', first],
    ['--until', end],
  ] as const)
    if (offset > high)
      throw new TidemarkError('USAGE', `${option} names offset ${offset} of ${name}; its log ends at ${high}`);
  const areTimes = from.at === 'time' && until.at === 'time';
  if (first > end && !areTimes)
    throw new TidemarkError('USAGE', `--from begins at offset ${first} of ${name}, behind --until, which is ${end}`);
  return { ...base, from: first, until: Math.max(first, end) };
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
