import { listLogs } from '../../connectors/log-files/log/list-logs.ts';
import { logDirectorySource } from '../../connectors/log-files/log-directory-source.ts';
import { ndjsonFileSource } from '../../connectors/log-files/ndjson-file-source.ts';
import { type Lateness, liveLateness, type Replay, type ReplayTarget } from '../../pipeline/completeness/sources.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { isSamePartition, partitionName } from '../../pipeline/partition.ts';
import type { PartitionId } from '../../pipeline/ports.ts';
import type { GivenManifest } from '../../pipeline/verify/given-manifest.ts';
import { targetsOf } from '../../pipeline/verify/rebuild.ts';
import { isFolder } from './given-logs.ts';
import { type Place, readPlace } from './places.ts';

/** What a replay is asked for: places as the user spelled them, and the log folders and files. */
export interface AskedReplay {
  readonly from: string;
  readonly until: string;
  readonly paths: readonly string[];
  readonly allowGaps: boolean;
}

interface Asked extends AskedReplay {
  readonly lateness: Lateness;
  readonly skewMs: number;
}

/** What a replay reads, found out before it reads the first record. */
export interface Planned {
  readonly replay: Replay;
  /** What a user should know of the places, as sentences. */
  readonly notes: readonly string[];
}

/** A log of a folder, or a file, of which the ends are not known. */
interface GivenPart {
  readonly path: string;
  readonly partition: PartitionId;
  readonly ends: { readonly low: number; readonly high: number } | null;
}

/**
 * Plans a replay of log folders and files. Throws `USAGE` for a place that does not go with a log, `RECORDS_LOST` when
 * the log no longer holds what was asked for and gaps are not allowed, and as reading the logs does.
 */
export async function planReplay(asked: Asked): Promise<Planned> {
  const from = await readPlace('--from', asked.from);
  const until = await readPlace('--until', asked.until);
  const command = { from: asked.from, until: asked.until, paths: asked.paths, allowGaps: asked.allowGaps };
  const base = { ...command, isFinished: false };
  if (until.at === 'manifest') {
    if (from.at !== 'beginning')
      throw new TidemarkError(
        'USAGE',
        '--until manifest:… begins where the manifest does, so it does not go with --from',
      );
    const targets = targetsOf(until.manifest).map(target => ({
      ...target,
      mayHaveGaps: target.mayHaveGaps || asked.allowGaps,
    }));
    return { replay: { ...base, targets, watermark: watermarkOf(until.manifest) }, notes: [] };
  }
  const notes: string[] = [];
  const targets: ReplayTarget[] = [];
  const parts = await findParts(asked.paths);
  checkNames([from, until], parts);
  for (const part of parts) targets.push(await planPart(part, { ...asked, from, until, notes }));
  const watermark =
    until.at === 'now'
      ? 'of the sources'
      : until.at === 'time'
        ? until.time - asked.skewMs - liveLateness(asked.lateness)
        : null;
  return { replay: { ...base, targets, watermark }, notes };
}

async function findParts(paths: readonly string[]): Promise<readonly GivenPart[]> {
  const parts: GivenPart[] = [];
  for (const path of paths) {
    if (isFolder(path)) {
      for (const { topic, partition, low, high } of await listLogs(path))
        parts.push({ path, partition: { topic, partition }, ends: { low, high } });
      continue;
    }
    const [partition] = await ndjsonFileSource({ path, batchRecords: 1, batchBytes: 1 }).partitions([]);
    if (partition !== undefined) parts.push({ path, partition, ends: null });
  }
  return parts;
}

function checkNames(places: readonly Place[], parts: readonly GivenPart[]): void {
  const names = parts.map(({ partition }) => partitionName(partition));
  for (const place of places)
    for (const name of place.at === 'offsets' ? place.offsets.keys() : [])
      if (!names.includes(name))
        throw new TidemarkError('USAGE', `no log that was given holds ${name}; they hold ${names.join(', ')}`);
}

interface PartPlanning extends Omit<Asked, 'from' | 'until'> {
  readonly from: Place;
  readonly until: Place;
  readonly notes: string[];
}

async function planPart(part: GivenPart, planning: PartPlanning): Promise<ReplayTarget> {
  const { partition, ends, path } = part;
  const { from, until, skewMs, allowGaps } = planning;
  const name = partitionName(partition);
  const begin = { ...from, ...(from.at === 'time' ? { time: from.time - skewMs } : {}) };
  if (ends === null) {
    for (const place of [from, until])
      if (place.at === 'time')
        throw new TidemarkError(
          'USAGE',
          `${path} keeps no times of its records, so a time says nothing of it; give offsets of ${name}`,
        );
    const end = until.at === 'offsets' ? (until.offsets.get(name) ?? null) : until.at === 'beginning' ? 0 : null;
    if (from.at !== 'beginning')
      throw new TidemarkError('USAGE', `${path} is a file, which is read from its beginning; leave --from out`);
    return { partition, kind: 'file', from: 0, until: end, mayHaveGaps: false };
  }
  const first = await offsetOf(begin, part, ends, planning);
  const end = await offsetOf(until, part, ends, planning);
  if (end > ends.high)
    throw new TidemarkError('USAGE', `--until asks for ${name} up to offset ${end}; its log ends at ${ends.high}`);
  if (first < ends.low && first < end && !allowGaps)
    throw new TidemarkError(
      'RECORDS_LOST',
      `the log ${name} no longer holds the offsets from ${first} on and below ${ends.low}; --allow-gaps goes on without them, and manifests name the gap`,
    );
  return { partition, kind: 'folder', from: first, until: Math.max(first, end), mayHaveGaps: first < ends.low };
}

async function offsetOf(
  place: Place,
  part: GivenPart,
  ends: { low: number; high: number },
  planning: PartPlanning,
): Promise<number> {
  const name = partitionName(part.partition);
  switch (place.at) {
    case 'beginning':
      return 0;
    case 'offsets':
      return place.offsets.get(name) ?? (place === planning.until ? ends.high : 0);
    case 'time':
      return (await findTime(part, place.time, planning.notes)) ?? ends.high;
    default:
      return ends.high;
  }
}

/** The offset of the first record whose own time is at or after a time; null when there is none. */
async function findTime({ path, partition }: GivenPart, time: number, notes: string[]): Promise<number | null> {
  const source = logDirectorySource({
    ...{ path, kind: 'folder', batchRecords: 10_000, batchBytes: 16 << 20 },
    onLostRecords: 'skip',
    until: other => (isSamePartition(other, partition) ? Number.POSITIVE_INFINITY : null),
  });
  let found: number | null = null;
  let backMs = 0;
  for await (const { records } of source.read([], new AbortController().signal))
    for (const { offset, timestamp } of records) {
      if (timestamp === null)
        throw new TidemarkError(
          'USAGE',
          `the log ${partitionName(partition)} has no time for its record at offset ${offset}; give offsets`,
        );
      if (found === null && timestamp >= time) found = offset;
      if (found !== null) backMs = Math.max(backMs, time - timestamp);
    }
  if (backMs > 0)
    notes.push(
      `${partitionName(partition)}: record times run backwards there: after offset ${found} some are up to ${backMs} ms earlier`,
    );
  return found;
}

/** The time up to which a manifest's database had all events; null when it says none. */
function watermarkOf({ status, window, partitions }: GivenManifest): number | null {
  const known = partitions.map(({ watermark }) => (watermark === null ? null : Date.parse(watermark)));
  const least = known.includes(null) || known.length === 0 ? null : Math.min(...known.filter(time => time !== null));
  const told = status === 'complete' ? Date.parse(window.time_to) : null;
  return least === null || told === null ? (least ?? told) : Math.max(least, told);
}
