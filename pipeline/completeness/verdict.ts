import { formatTimestamp } from '../../schemas/json/timestamps.ts';
import { partitionName } from '../partition.ts';
import type { LogEnd } from '../ports.ts';
import { whyGap, whyUnknownBeginning } from './losses.ts';
import {
  type FollowedTopic,
  hiddenOffsets,
  type Lateness,
  liveLateness,
  mustVouch,
  nameOf,
  type ReplayTarget,
  type Source,
  type Sources,
  shownPlace,
  storedUpTo,
  watermarkOf,
} from './sources.ts';

export interface Completeness {
  readonly status: 'complete' | 'provisional';
  /** Why it is provisional, naming the sources; empty when complete. */
  readonly reasons: readonly string[];
  /** What vouches for the window; empty when provisional. */
  readonly vouchedBy: readonly string[];
}

/** The ends that an export is judged by. */
export type JudgedEnds =
  /** Those of the export's own look. */
  | { readonly from: 'own look'; readonly ends: readonly LogEnd[]; readonly at: number }
  /** Those of each partition's latest look, for an export that makes none. */
  | { readonly from: 'latest look' }
  /** None: the log did not answer. */
  | { readonly from: 'no answer' };

interface Judged {
  readonly sources: Sources;
  readonly timeFrom: number;
  readonly timeTo: number;
  readonly ends: JudgedEnds;
  readonly lateness: Lateness;
  readonly skewMs: number;
  /** How many selected services have events from several logs. */
  readonly splitServices: number;
}

/**
 * Judges whether an event with a time before `time_to` is still expected of the sources of the store (contract 4.20). A
 * live source vouches by the clock of a look whose end has been stored: event times cannot, because one producer's clock
 * may be ahead of another's. A model has checked the rule over millions of histories; `test/simulation` runs it.
 */
export function judgeCompleteness(judged: Judged): Completeness {
  const { sources, splitServices, ends } = judged;
  const all = Array.from(sources.partitions.values());
  const { replay } = sources;
  const isUpToTime = replay !== null && replay.watermark !== 'of the sources';
  const waited = isUpToTime ? [] : all.filter(mustVouch);
  const topics = sources.topics.filter(isWaitedFor);
  const endOf = judgedEnds(ends);
  const reasons = [
    ...whyNotReplayed(judged),
    ...topics.map(topic => reasonOfTopic(topic, judged)),
    ...waited.map(source => reasonOfSource(source, endOf(source), judged)),
    ...waited.map(whyHeld),
    ...all.flatMap(source => [
      whyUnknownBeginning(source, judged),
      ...source.gaps.map(gap => whyGap(source, gap, judged)),
    ]),
    ends.from === 'no answer' ? 'the log could not be looked at' : null,
    splitServices > 0 ? reasonOfSplits(splitServices, sources.hasOlderMarks) : null,
  ].filter(reason => reason !== null);
  const hasLive = topics.length + waited.length > 0;
  const ended = hasLive ? [] : isUpToTime ? [`the replay until ${shownPlace(replay.until)}`] : vouchedByEnded(judged);
  if (!hasLive && ended.length === 0) reasons.push(nothingVouches(judged));
  if (reasons.length > 0) return { status: 'provisional', reasons, vouchedBy: [] };
  return { status: 'complete', reasons, vouchedBy: hasLive ? [vouchedByLooks(waited, topics)] : ended };
}

/** What a store lacks that a replay makes. */
function whyNotReplayed({ sources: { replay, partitions }, timeTo }: Judged): readonly string[] {
  if (replay === null) return [];
  const unread = [
    ...(replay.isFinished ? [] : replay.targets.flatMap(target => whyUnread(target, partitions))),
    ...replay.targets.flatMap(target => whyLacking(target, partitions)),
  ];
  const { watermark } = replay;
  if (watermark === 'of the sources' || (watermark !== null && timeTo <= watermark)) return unread;
  const reached =
    watermark === null
      ? `the replay ends at ${shownPlace(replay.until)}, which says nothing of the times of events`
      : `the replay until ${shownPlace(replay.until)} has all events before ${formatTimestamp(watermark)}, not ${formatTimestamp(timeTo)}`;
  return [...unread, reached];
}

function whyUnread({ partition, from, until }: ReplayTarget, partitions: Sources['partitions']): readonly string[] {
  const name = partitionName(partition);
  const position = partitions.get(name)?.nextOffset ?? from;
  return until !== null && position >= until
    ? []
    : [`replay not finished: ${name} at ${position} of ${until ?? 'its end'}`];
}

/** What a replay lacks of a partition, and an unknown beginning of one of which nothing is stored (contract 4.31). */
function whyLacking(
  { partition, from, lacks = [] }: ReplayTarget,
  partitions: Sources['partitions'],
): readonly string[] {
  const name = partitionName(partition);
  const isStored = (partitions.get(name)?.nextOffset ?? null) !== null;
  const begun =
    from === 0 || isStored ? [] : [`the replay begins at offset ${from}, and nothing from there on is stored`];
  return [...lacks, ...begun].map(sentence => `${name}: ${sentence}`);
}

/** A topic that may get further partitions. Declared ones vouch for themselves, once a look has listed them. */
function isWaitedFor({ declared, listedAt, end }: FollowedTopic): boolean {
  return end === null && (declared === null || listedAt === null);
}

function reasonOfSplits(services: number, hasOlderMarks: boolean): string {
  const older = ' (some may be marks of an earlier version, which took each file for a log of its own)';
  return `${services} of the services have events from more than one log${hasOlderMarks ? older : ''}`;
}

function reasonOfTopic({ topic, listedAt }: FollowedTopic, { timeTo, lateness }: Judged): string | null {
  const waitMs = liveLateness(lateness);
  if (listedAt !== null && timeTo <= listedAt - waitMs) return null;
  return listedAt === null
    ? `${topic}: its partitions have not been listed yet`
    : `${topic}: a partition may have been added since ${formatTimestamp(listedAt)}; ${completeFrom(timeTo + waitMs)}`;
}

function reasonOfSource(source: Source, end: JudgedEnd | null, judged: Judged): string | null {
  const name = nameOf(source);
  if (source.kind !== 'live') return `${name}: ingest has not read it to its end`;
  const { timeTo, lateness } = judged;
  const watermark = watermarkOf(source, lateness);
  const unstored = describeUnstored(source, end);
  if (watermark !== null && timeTo <= watermark && unstored === null) return null;
  const known = watermark === null ? 'has no watermark yet' : `watermark ${formatTimestamp(watermark)}`;
  return `${name}: ${[known, ...whyItStays(source, judged), ...(unstored === null ? [] : [unstored])].join('; ')}`;
}

function whyHeld(source: Source): string | null {
  return source.held === null ? null : `${nameOf(source)}: its records wait: ${source.held}`;
}

/** Why the watermark has not passed the window's end, and from when on it would. */
function whyItStays(source: Source, { timeTo, lateness }: Judged): readonly string[] {
  const { changed, assignedAt, look, stableSince } = source;
  if (changed !== null) return [`its log has changed: ${changed}`];
  if (assignedAt === null) return ['this process does not read it'];
  const watermark = watermarkOf(source, lateness);
  if (watermark !== null && timeTo <= watermark) return [];
  const earliest = completeFrom(timeTo + liveLateness(lateness));
  const hidden = hiddenOffsets(source);
  if (look === null || hidden === null) return [earliest];
  const hiddenFor = `seen for ${seconds(look.at, stableSince)} s`;
  return [earliest, `an open transaction hides offsets ${hidden.from} to ${hidden.to - 1}, ${hiddenFor}`];
}

function seconds(to: number, from: number | null): number {
  return Math.round((to - (from ?? to)) / 1000);
}

function completeFrom(time: number): string {
  return `complete at the earliest when all that the log held at ${formatTimestamp(time)} is stored`;
}

/** Says that records below the judged end are not stored; null when all are, or when no look asked for this partition. */
function describeUnstored(source: Source, end: JudgedEnd | null): string | null {
  const position = storedUpTo(source) ?? 0;
  return end === null || position >= end.stable ? null : `${end.high - position} of its records are not stored`;
}

type JudgedEnd = Pick<LogEnd, 'stable' | 'high'>;

/** Finds the end that a source is judged by; null where no look asked for it. */
function judgedEnds(ends: JudgedEnds): (source: Source) => JudgedEnd | null {
  if (ends.from === 'no answer') return () => null;
  if (ends.from === 'latest look') return ({ look }) => look;
  const byName = new Map(ends.ends.map(end => [partitionName(end.partition), end]));
  return ({ partition }) => byName.get(partitionName(partition)) ?? null;
}

/** The earliest of the clocks that the topics and the sources vouch by. */
function vouchedByLooks(waited: readonly Source[], topics: readonly FollowedTopic[]): string {
  const clocks = [...waited.map(({ vouchedAt }) => vouchedAt), ...topics.map(({ listedAt }) => listedAt)];
  return `the log as it was at ${formatTimestamp(Math.min(...clocks.filter(clock => clock !== null)))}`;
}

/** What vouches where all sources have ended: those whose watermark reaches the window's end, or the declaration. */
function vouchedByEnded({ sources, timeTo, lateness }: Judged): readonly string[] {
  const { coversUntil } = sources;
  // A declaration speaks of what was given; here nothing was.
  if (sources.partitions.size === 0) return [];
  const vouching = endedWatermarks(sources, lateness).filter(({ watermark }) => timeTo <= watermark);
  return [
    ...vouching.map(({ source }) => `the events of ${nameOf(source)}`),
    ...(coversUntil !== null && timeTo <= coversUntil ? [`covers-until ${formatTimestamp(coversUntil)}`] : []),
  ];
}

function nothingVouches({ sources, timeTo, lateness }: Judged): string {
  if (sources.partitions.size === 0) return 'nothing was ever ingested';
  const until = formatTimestamp(timeTo);
  const cure = `ingest what comes next, or declare that nothing is missing with: tidemark ingest --covers-until ${until}`;
  const watermarks = endedWatermarks(sources, lateness).map(({ watermark }) => watermark);
  if (watermarks.length === 0) return `no source that was read to its end has an event with a time; ${cure}`;
  return `the events that were ingested reach ${formatTimestamp(Math.max(...watermarks))}, not ${until}; ${cure}`;
}

function endedWatermarks({ partitions }: Sources, lateness: Lateness) {
  return Array.from(partitions.values()).flatMap(source => {
    const watermark = source.end === null ? null : watermarkOf(source, lateness);
    return watermark === null ? [] : [{ source, watermark }];
  });
}
