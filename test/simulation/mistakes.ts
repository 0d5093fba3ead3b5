import { noSources } from '../../pipeline/completeness/sources.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { LogEnd } from '../../pipeline/ports.ts';
import { type NamedMistake, seam } from './mistake.ts';
import type { Wrong } from './replaceable.ts';
import { wrongMarks } from './wrong-marks.ts';
import {
  gaveUpAsComplete,
  heldBackByEnded,
  judgedBy,
  mapPartitions,
  vouchedFor,
  withEnds,
  withTopicsListed,
} from './wrong-verdicts.ts';

/** Looks that see other ends than there are. */
function lookedAt(change: (end: LogEnd, position: number) => LogEnd): Wrong {
  return {
    withLook: real => (sources, look, asked) => {
      const positionOf = ({ partition }: LogEnd) => asked.partitions.get(partitionName(partition))?.nextOffset ?? 0;
      return real(sources, { ...look, ends: look.ends.map(end => change(end, positionOf(end))) }, asked);
    },
  };
}

const looks: readonly NamedMistake[] = [
  {
    name: 'the stable end counts as the end',
    wrong: lookedAt((end, position) => ({ ...end, high: Math.max(end.stable, Math.min(end.high, position)) })),
  },
  {
    name: 'a look counts before its end is stored',
    wrong: {
      withLook: real => (sources, look, asked) => {
        const seen = new Set(look.ends.map(({ partition }) => partitionName(partition)));
        return mapPartitions(real(sources, look, asked), source =>
          seen.has(partitionName(source.partition)) && source.changed === null
            ? { ...source, vouchedAt: Math.max(source.vouchedAt ?? 0, look.at) }
            : source,
        );
      },
    },
  },
  seam('the clock is read after the ends', 'the clock is read after the ends'),
  { name: 'no lateness', lateness: () => ({ allowedMs: 0, clockMs: 0 }) },
  { name: 'only the allowed lateness', lateness: ({ allowedMs }) => ({ allowedMs, clockMs: 0 }) },
  {
    name: 'only the lateness of clocks',
    wrong: judgedBy(judged => {
      const { topics, partitions } = judged.sources;
      const isLive = topics.length > 0 || Array.from(partitions.values()).some(({ kind }) => kind === 'live');
      return isLive ? { ...judged, lateness: { ...judged.lateness, allowedMs: 0 } } : judged;
    }),
  },
  seam('looks ask only for what is read', 'looks ask only for what is read'),
  {
    name: 'an end below what was stored is ignored',
    wrong: { withLook: real => (sources, look) => real(sources, look, noSources) },
  },
  {
    name: 'an end below what was stored spoils only that look',
    wrong: {
      withLook: real => (sources, look, asked) =>
        mapPartitions(real(sources, look, asked), source => ({ ...source, changed: null })),
    },
  },
  seam('that a log was cut is forgotten in a crash', 'a cut is not recorded at once'),
  {
    name: 'a topic keeps its looks when its declared part changes',
    wrong: {
      withTopics: real => (sources, topics) => {
        const changed = real(sources, topics);
        const listedAt = sources.topics[0]?.listedAt ?? null;
        return { ...changed, topics: changed.topics.map(topic => ({ ...topic, listedAt })) };
      },
    },
  },
  seam('markers and aborted records do not count as stored', 'markers do not count as stored'),
  {
    name: 'off by one: position >= high - 1',
    wrong: lookedAt((end, position) => ({ ...end, high: end.high > position ? end.high - 1 : end.high })),
  },
];

const verdicts: readonly NamedMistake[] = [
  {
    name: 'a listed partition that was not visited is ignored',
    wrong: judgedBy(judged => vouchedFor(judged, ({ kind, nextOffset }) => kind === 'live' && nextOffset === null)),
  },
  { name: 'a wait that gave up counts as complete', wrong: gaveUpAsComplete },
  {
    name: 'the stable end of the own look is not asked for',
    wrong: judgedBy(judged => withEnds(judged, end => ({ ...end, stable: 0 }))),
  },
  {
    name: 'covers-until vouches for live partitions',
    wrong: judgedBy(judged =>
      (judged.sources.coversUntil ?? 0) < judged.timeTo
        ? judged
        : vouchedFor(withTopicsListed(judged), ({ kind }) => kind === 'live'),
    ),
  },
  {
    name: 'a part is taken for the whole',
    wrong: judgedBy(judged =>
      vouchedFor(
        judged,
        ({ kind, assignedAt, recordsRead }) => kind === 'live' && assignedAt === null && recordsRead === 0,
      ),
    ),
  },
  seam('after a restart a part is taken for declared', 'a part counts as declared after a restart'),
  {
    name: 'a partition that moved away is ignored',
    wrong: judgedBy(judged =>
      vouchedFor(
        judged,
        ({ kind, assignedAt, recordsRead }) => kind === 'live' && assignedAt === null && recordsRead > 0,
      ),
    ),
  },
  {
    name: 'a topic that was not listed yet is ignored',
    wrong: judgedBy(withTopicsListed),
  },
  { name: 'ended sources hold later windows back', wrong: heldBackByEnded },
  {
    name: 'off by one: time_to <= watermark + 1',
    wrong: {
      watermarkOf: real => (source, lateness) => {
        const watermark = real(source, lateness);
        return watermark === null ? null : watermark + 1;
      },
    },
  },
  {
    name: 'off by one: position >= stable - 1',
    wrong: judgedBy(judged => withEnds(judged, end => ({ ...end, stable: end.stable - 1 }))),
  },
];

const losses: readonly NamedMistake[] = [
  { name: 'a lost beginning is ignored', wrong: { whyUnknownBeginning: () => () => null } },
  {
    name: 'one skew is enough after a lost beginning',
    wrong: {
      whyUnknownBeginning: real => (source, window) => real(source, { ...window, skewMs: window.skewMs / 2 }),
    },
  },
  {
    name: 'off by one: a window that begins at the bound knows the lost beginning',
    wrong: {
      whyUnknownBeginning: real => (source, window) => real(source, { ...window, timeFrom: window.timeFrom + 1 }),
    },
  },
  {
    name: 'one skew is enough after a gap',
    wrong: { whyGap: real => (source, gap, window) => real(source, gap, { ...window, skewMs: window.skewMs / 2 }) },
  },
  {
    name: 'a gap that nothing was stored after is ignored',
    wrong: { whyGap: real => (source, gap, window) => (gap.timeAfter === null ? null : real(source, gap, window)) },
  },
  { name: 'a gap is ignored', wrong: { whyGap: () => () => null } },
  {
    name: 'off by one: windows up to the watermark + 1 miss nothing in a gap',
    wrong: {
      whyGap: real => (source, gap, window) =>
        real(source, { ...gap, watermark: gap.watermark === null ? null : gap.watermark + 1 }, window),
    },
  },
  {
    name: 'off by one: a window that begins at the bound misses nothing in a gap',
    wrong: {
      whyGap: real => (source, gap, window) => real(source, gap, { ...window, timeFrom: window.timeFrom + 1 }),
    },
  },
];

const ingests: readonly NamedMistake[] = [
  seam('an unfinished ingest has ended', 'an unfinished ingest has ended'),
  {
    name: 'a grown file stays ended',
    wrong: {
      withGiven: real => (sources, given, kind) =>
        mapPartitions(real(sources, given, kind), source => ({
          ...source,
          end: sources.partitions.get(partitionName(source.partition))?.end ?? source.end,
        })),
      withBatch: real => (sources, batch, lateness) =>
        mapPartitions(real(sources, batch, lateness), source =>
          source.kind === 'live'
            ? source
            : { ...source, end: sources.partitions.get(partitionName(source.partition))?.end ?? source.end },
        ),
    },
  },
  seam('sources are recorded one by one', 'sources are recorded one by one'),
  seam('a folder with an open transaction has ended', 'an open folder has ended'),
  seam('a line of the year 2099 vouches', 'the clock stands still at the end of time'),
];

export const mistakes: readonly NamedMistake[] = [...looks, ...verdicts, ...losses, ...ingests, ...wrongMarks];
