import { type Lateness, liveLateness, type Replay, type ReplayTarget } from '../../pipeline/completeness/sources.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { LogPlace } from '../../pipeline/requests/log-place.ts';
import type { GivenManifest } from '../../pipeline/verify/given-manifest.ts';
import { targetsOf } from '../../pipeline/verify/rebuild.ts';
import { pause } from '../../pipeline/waiting.ts';
import { endsOf, lossesOf, withoutLost } from './losses.ts';
import { type Place, readFrom, readUntil } from './places.ts';
import type { LogLook, ReplayLog } from './replay-log.ts';
import { findTargets } from './targets.ts';

/** What a replay is asked for: places as the user spelled them, and log folders and files; without these, the topics of the settings. */
export interface AskedReplay {
  readonly from: string;
  readonly until: string;
  readonly paths: readonly string[];
  readonly allowGaps: boolean;
}

interface Planning {
  readonly lateness: Lateness;
  readonly skewMs: number;
  /** How long an open transaction below an end is waited for. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
  /** Called with what a user should know before the plan is there. */
  readonly notice: (sentence: string) => void;
}

/** What a replay reads, found out before it reads the first record. */
export interface Planned {
  readonly replay: Replay;
  /** What a user should know of the places, as sentences. */
  readonly notes: readonly string[];
  /** What the log no longer holds of it, as sentences; `refuseLosses` refuses it. */
  readonly losses: readonly string[];
  /** Encoded bytes of all the logs; null where they are not known. */
  readonly bytes: number | null;
}

const pauseMs = 250;

/** Plans a replay. Throws `USAGE` for a place that does not go with the log, and as reading the log does. */
export async function planReplay(asked: AskedReplay, log: ReplayLog, planning: Planning): Promise<Planned> {
  const from = readFrom(asked.from);
  const until = await readUntil(asked.until);
  const { places, look, watermark } = await findPlaces(from, until, log, planning);
  const found = places.targets.map(target => ({ target, losses: lossesOf(target, look, until) }));
  const held = found.map(({ target, losses }) => withoutLost(target, losses, look));
  const { targets, notes } = await cutAtStable(held, look, log, planning);
  const { allowGaps, paths } = asked;
  const command = { from: asked.from, until: asked.until, paths, allowGaps };
  const withGaps = targets.map(target => ({ ...target, mayHaveGaps: target.mayHaveGaps || allowGaps }));
  return {
    replay: { ...command, targets: withGaps, topics: look.declared, watermark, isFinished: false },
    notes: [...places.notes, ...notes],
    losses: found.flatMap(({ target, losses }) =>
      losses.map(({ sentence }) => `${partitionName(target.partition)}: ${sentence}`),
    ),
    bytes: look.parts.reduce<number | null>(
      (sum, { bytes }) => (sum === null || bytes === null ? null : sum + bytes),
      0,
    ),
  };
}

/** Throws `RECORDS_LOST` when the log no longer holds what was asked for, and gaps are not allowed. */
export function refuseLosses({ losses, replay: { allowGaps } }: Planned): void {
  if (losses.length === 0 || allowGaps) return;
  throw new TidemarkError(
    'RECORDS_LOST',
    `${losses.join('; ')}. --allow-gaps goes on without them, and manifests name the gap`,
  );
}

async function findPlaces(from: LogPlace, until: Place, log: ReplayLog, planning: Planning) {
  if (until.at !== 'manifest') {
    const look = await log.look(null);
    const places = await findTargets(look.parts, log, { from, until, skewMs: planning.skewMs });
    return { places, look, watermark: watermarkAt(until, places.readBefore, look, planning) };
  }
  if (from.at !== 'beginning')
    throw new TidemarkError(
      'USAGE',
      '--until manifest:… begins where the manifest does, so it does not go with --from',
    );
  const targets = targetsOf(until.manifest);
  const look = await log.look(liveTopics(targets));
  return { places: { targets, notes: [] as readonly string[] }, look, watermark: watermarkOfManifest(until.manifest) };
}

function liveTopics(targets: readonly ReplayTarget[]): readonly string[] {
  return [...new Set(targets.flatMap(({ partition, kind }) => (kind === 'live' ? [partition.topic] : [])))];
}

/**
 * The time up to which all events are read; `readBefore` is that of records. No time after the look at Kafka is known. Where the log
 * says itself where it ends, its sources say it after they were read.
 */
function watermarkAt(
  until: Place,
  readBefore: number | null,
  { at }: LogLook,
  { skewMs, lateness }: Planning,
): Replay['watermark'] {
  const looked = at === null ? null : at - liveLateness(lateness);
  if (until.at === 'now') return looked ?? 'of the sources';
  if (until.at !== 'time' || readBefore === null) return null;
  return Math.min(readBefore - skewMs - liveLateness(lateness), looked ?? Number.POSITIVE_INFINITY);
}

/**
 * The time up to which a manifest's database had all events; null when it says none. The watermarks of partitions say it only
 * where all partitions of the topics are among them: of one that nobody had read there is none.
 */
function watermarkOfManifest({ status, window, partitions, topics = [] }: GivenManifest): number | null {
  const told = status === 'complete' ? Date.parse(window.time_to) : null;
  const countOf = (topic: string): number =>
    partitions.filter(each => each.topic === topic && each.next_offset !== null).length;
  const areAllListed = partitions.every(({ kind, topic }) => kind !== 'live' || topics.some(of => of.topic === topic));
  const areAllThere = topics.every(({ topic, declared, partitions: count }) => {
    return countOf(topic) === (declared?.length ?? count);
  });
  const known = partitions.map(({ watermark }) => (watermark === null ? null : Date.parse(watermark)));
  const isKnown = areAllListed && areAllThere && known.length > 0 && !known.includes(null);
  const least = isKnown ? Math.min(...known.filter(time => time !== null)) : null;
  return least === null || told === null ? (least ?? told) : Math.max(least, told);
}

/**
 * Waits until all that the targets ask for can be read, and cuts them where an open transaction still hides the rest. Each look
 * is compared with the ends that were asked for at first, so that it does not run after a growing log.
 */
async function cutAtStable(targets: readonly ReplayTarget[], first: LogLook, log: ReplayLog, planning: Planning) {
  const isHidden = (look: LogLook) => (target: ReplayTarget) => target.until !== stableEnd(target, look);
  let look = first;
  const began = performance.now();
  if (targets.some(isHidden(look)))
    planning.notice(`waiting for an open transaction, for ${planning.waitMs} ms at most (export_wait_ms)`);
  while (targets.some(isHidden(look)) && performance.now() - began < planning.waitMs) {
    await pause(pauseMs, planning.signal);
    if (planning.signal.aborted) throw new TidemarkError('INTERRUPTED', 'interrupted before the first record was read');
    look = await log.look(liveTopics(targets));
  }
  const notes: string[] = [];
  const cut = targets.map((target): ReplayTarget => {
    const [end, asked] = [stableEnd(target, look), target.until];
    if (end === asked || asked === null) return target;
    const hidden = `an open transaction hides the offsets from ${end} on and below ${asked}`;
    notes.push(`${partitionName(target.partition)}: ${hidden}; the replay ends before them`);
    const lacks = `an open transaction hid offsets ${end} to ${asked - 1} from the replay`;
    return { ...target, until: end, lacks: [...(target.lacks ?? []), lacks] };
  });
  return { targets: cut, notes };
}

function stableEnd(target: ReplayTarget, look: LogLook): number | null {
  const stable = endsOf(look, target)?.stable ?? null;
  if (target.until === null || stable === null || target.until <= stable) return target.until;
  return Math.max(target.from, stable);
}
