import type { FollowedTopic, Source, Sources } from '../../pipeline/completeness/sources.ts';
import { watermarkOf } from '../../pipeline/completeness/sources.ts';
import type { judgeCompleteness } from '../../pipeline/completeness/verdict.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { Wrong } from './replaceable.ts';

type Judged = Parameters<typeof judgeCompleteness>[0];

/** Verdicts that are judged by changed facts. */
export function judgedBy(change: (judged: Judged) => Judged): Wrong {
  return { judgeCompleteness: real => judged => real(change(judged)) };
}

/** As if these sources vouched for every window and had nothing left to store. */
export function vouchedFor(judged: Judged, isTaken: (source: Source) => boolean): Judged {
  const { sources, ends } = judged;
  const partitions = Array.from(sources.partitions, ([name, source]) => {
    const taken = { ...source, vouchedAt: judged.timeTo + 1e9, look: null };
    return [name, isTaken(source) ? taken : source] as const;
  });
  const isAsked = (name: string): boolean => {
    const source = sources.partitions.get(name);
    return source === undefined || !isTaken(source);
  };
  return {
    ...judged,
    sources: { ...sources, partitions: new Map(partitions) },
    ends:
      ends.from === 'own look'
        ? { ...ends, ends: ends.ends.filter(({ partition }) => isAsked(partitionName(partition))) }
        : ends,
  };
}

export function withTopicsListed(judged: Judged): Judged {
  const topics = judged.sources.topics.map((topic): FollowedTopic => ({ ...topic, listedAt: judged.timeTo + 1e9 }));
  return { ...judged, sources: { ...judged.sources, topics } };
}

/** The judged ends, and those of the latest looks, changed. */
export function withEnds(judged: Judged, change: <E extends { stable: number }>(end: E) => E): Judged {
  const { sources, ends } = judged;
  return {
    ...judged,
    sources: mapPartitions(sources, source => ({ ...source, look: source.look && change(source.look) })),
    ends: ends.from === 'own look' ? { ...ends, ends: ends.ends.map(end => change(end)) } : ends,
  };
}

export function mapPartitions(sources: Sources, change: (source: Source) => Source): Sources {
  const partitions = Array.from(sources.partitions, ([name, source]) => [name, change(source)] as const);
  return { ...sources, partitions: new Map(partitions) };
}

/** A verdict that lets ended sources hold later windows back. */
export const heldBackByEnded: Wrong = {
  judgeCompleteness: real => judged => {
    const verdict = real(judged);
    const isBehind = Array.from(judged.sources.partitions.values()).some(
      source => source.end?.by === 'ingest' && (watermarkOf(source, judged.lateness) ?? 0) < judged.timeTo,
    );
    if (!isBehind) return verdict;
    return { status: 'provisional', reasons: [...verdict.reasons, 'an ended source is behind'], vouchedBy: [] };
  },
};

/** An export that gave up is judged as if all had been stored by then. */
export const gaveUpAsComplete: Wrong = {
  waitForLog: real => async (record, wait, signal) => {
    const outcome = await real(record, wait, signal);
    const { ends, sources, timedOut } = outcome;
    if (timedOut === null || sources === null || ends.from !== 'own look') return outcome;
    const trusted = mapPartitions(sources, source =>
      source.kind === 'live' ? { ...source, vouchedAt: ends.at, look: null } : source,
    );
    return { ...outcome, sources: trusted, ends: { from: 'latest look' } };
  },
};
