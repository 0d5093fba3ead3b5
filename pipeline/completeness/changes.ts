import { partitionName } from '../partition.ts';
import type { LogEnd, PartitionId } from '../ports.ts';
import type { BatchFacts, DecodingSettings } from './batch-facts.ts';
import {
  addReading,
  type FollowedTopic,
  type Gap,
  type Lateness,
  newSource,
  type Source,
  type Sources,
  storedUpTo,
  watermarkOf,
} from './sources.ts';

/** Every way in which the state of the sources changes. The changes are pure; the warehouse keeps their results. */

/** What one look at the live log found. */
export interface Look {
  /** The clock, read before the partitions and their ends were asked for, in milliseconds since 1970 UTC. */
  readonly at: number;
  /** The ends of every partition that the topics list, whether this process reads it or not. */
  readonly ends: readonly LogEnd[];
  /** How many partitions each topic has, by its name. */
  readonly topics: ReadonlyMap<string, number>;
}

/** At most this many looks of one partition wait for their ends; of more, every second one is dropped. */
const maxPending = 64;

/** The sources after a batch was stored: position, counts, gaps, the list of readings, and the looks that it reached. */
export function withBatch(sources: Sources, batch: BatchFacts, lateness: Lateness): Sources {
  const { partition, origin, kind, from, lost, next } = batch;
  const source = sources.partitions.get(partitionName(partition)) ?? newSource(partition, origin, kind);
  const stored = settled({
    ...source,
    origin,
    kind,
    ...next,
    ids: batch.ids ?? source.ids,
    lastRecord: batch.lastRecord ?? source.lastRecord,
    firstOffset: source.nextOffset === null ? (lost?.from ?? from) : source.firstOffset,
    firstTime: source.firstTime ?? batch.firstRecordTime,
    recordsRead: source.recordsRead + batch.recordsRead,
    applied: source.applied + batch.applied,
    quarantined: source.quarantined + batch.quarantined,
    latestEvent: later(source.latestEvent, batch.latestEvent),
    // A later event makes an ended source live again; `ingest` ends it anew when it has read all of it.
    end: null,
    gaps: gapsAfter(source, batch, lateness),
  });
  const changed = { ...withSource(sources, stored), decodings: addDecoding(sources.decodings, batch.decoding) };
  if (kind !== 'file') return changed;
  return { ...changed, readings: addReading(changed.readings, { partition, from, next: next.nextOffset }) };
}

function addDecoding(known: readonly DecodingSettings[], added: DecodingSettings): readonly DecodingSettings[] {
  const last = known.at(-1);
  const isSame =
    last?.keyFormat === added.keyFormat &&
    last.maxRecordBytes === added.maxRecordBytes &&
    last.hasRegistry === added.hasRegistry;
  return isSame ? known : [...known, added];
}

function gapsAfter(source: Source, { lost, firstRecordTime }: BatchFacts, lateness: Lateness): readonly Gap[] {
  const { gaps } = source;
  if (lost === null && (firstRecordTime === null || gaps.every(({ timeAfter }) => timeAfter !== null))) return gaps;
  const added = lost === null ? [] : [{ ...lost, watermark: watermarkOf(source, lateness), timeAfter: null }];
  return [...gaps, ...added].map(gap => ({ ...gap, timeAfter: gap.timeAfter ?? firstRecordTime }));
}

/**
 * The sources when `run` begins to follow these topics. A topic that it followed before in the same way keeps what its
 * looks found; the partitions of other topics are no longer listed and stay where they are.
 */
export function withTopics(sources: Sources, topics: readonly Pick<FollowedTopic, 'topic' | 'declared'>[]): Sources {
  const followed = topics.map(({ topic, declared }): FollowedTopic => {
    // Looks at another declared part did not ask for all partitions that must vouch from now on.
    const isSame = (other: FollowedTopic): boolean => String(other.declared) === String(declared);
    const known = sources.topics.find(other => other.topic === topic && isSame(other));
    return { topic, declared, partitions: known?.partitions ?? null, listedAt: known?.listedAt ?? null, end: null };
  });
  const isFollowed = (source: Source): boolean => {
    const owner = ownerOf(source, sources.topics);
    const now = followed.find(({ topic }) => topic === owner);
    return now !== undefined && (now.declared?.includes(source.partition.partition) ?? true);
  };
  const partitions = mapSources(sources, source =>
    source.isListed && !isFollowed(source) ? { ...source, isListed: false } : source,
  );
  return { ...sources, partitions, topics: followed };
}

/** The name of the followed topic that listed a source. The logs of a followed folder have topics of their own. */
function ownerOf({ partition }: Source, topics: readonly FollowedTopic[]): string {
  const isOwnTopic = topics.length !== 1 || topics[0]!.topic === partition.topic;
  return isOwnTopic ? partition.topic : topics[0]!.topic;
}

/** A partition that this process reads, and the offset at which it began. */
export interface AssignedPartition {
  readonly partition: PartitionId;
  readonly at: number;
}

/**
 * The sources when this process reads exactly these partitions of the live log. One that had ended is live again.
 */
export function withAssigned(sources: Sources, assigned: readonly AssignedPartition[], origin: string): Sources {
  const names = new Set(assigned.map(({ partition }) => partitionName(partition)));
  const partitions = mapSources(sources, source =>
    source.assignedAt === null || names.has(partitionName(source.partition)) ? source : { ...source, assignedAt: null },
  );
  for (const { partition, at } of assigned) {
    const name = partitionName(partition);
    const source = partitions.get(name) ?? newSource(partition, origin, 'live');
    const isSame = source.assignedAt === at && source.kind === 'live' && source.end === null;
    // Kept, so that a beginning that is gone stays known while nothing is stored.
    const firstOffset = source.nextOffset === null ? at : source.firstOffset;
    partitions.set(
      name,
      isSame ? source : settled({ ...source, kind: 'live', assignedAt: at, firstOffset, end: null }),
    );
  }
  return { ...sources, partitions };
}

/**
 * The sources after a look. `asked` are the positions as the ends were asked for. A partition counts the look once all
 * below `high` is stored. One that ends below its position has lost stored records: from then on it counts no look.
 */
export function withLook(sources: Sources, look: Look, asked: Sources): Sources {
  const topics = sources.topics.map(topic => {
    const partitions = look.topics.get(topic.topic);
    if (partitions === undefined) return topic;
    return { ...topic, partitions, listedAt: later(topic.listedAt, look.at), end: null };
  });
  const partitions = new Map(sources.partitions);
  for (const end of look.ends) {
    const name = partitionName(end.partition);
    const position = asked.partitions.get(name)?.nextOffset ?? 0;
    const known = partitions.get(name) ?? newSource(end.partition, '', 'live');
    const source = looked(known, look.at, end);
    const changed = `it ends at ${end.high}, below the stored offset ${position}`;
    const pending = addPending(known, { at: look.at, high: end.high });
    partitions.set(name, end.high < position ? { ...source, changed } : settled({ ...source, pending }));
  }
  return { ...sources, topics, partitions };
}

function looked(source: Source, at: number, { stable, high }: LogEnd): Source {
  const stableSince = source.look?.stable === stable ? (source.stableSince ?? at) : at;
  return { ...source, isListed: true, look: { at, stable, high }, stableSince };
}

/** Of looks that found the same end, only the latest is kept: all of them count at the same moment. */
function addPending({ pending }: Source, look: Source['pending'][number]): Source['pending'] {
  const others = pending.at(-1)?.high === look.high ? pending.slice(0, -1) : pending;
  const kept = others.length < maxPending ? others : others.filter((_, index) => index % 2 === 0);
  return [...kept, look];
}

/** The source with the clock of the latest look whose end is stored. One that this process does not read stays as it is. */
function settled(source: Source): Source {
  const position = storedUpTo(source);
  if (source.assignedAt === null || position === null || source.pending.length === 0) return source;
  const pending = source.pending.filter(({ high }) => high > position);
  if (pending.length === source.pending.length) return source;
  const reached = source.pending.filter(({ high }) => high <= position).map(({ at }) => at);
  const vouchedAt = source.changed === null ? later(source.vouchedAt, Math.max(...reached)) : source.vouchedAt;
  return { ...source, pending, vouchedAt };
}

/** The sources when the log of these partitions turned out to be another one than what was stored. */
export function withChangedLog(sources: Sources, changed: readonly PartitionId[], reason: string): Sources {
  const names = new Set(changed.map(partitionName));
  const partitions = mapSources(sources, source =>
    names.has(partitionName(source.partition)) ? { ...source, changed: source.changed ?? reason } : source,
  );
  return { ...sources, partitions };
}

/** The sources with a partition whose next records wait, and why; null when they do not wait any more. */
export function withHeld(sources: Sources, partition: PartitionId, held: string | null): Sources {
  const source = sources.partitions.get(partitionName(partition)) ?? newSource(partition, '', 'live');
  return withSource(sources, { ...source, held });
}

function withSource(sources: Sources, source: Source): Sources {
  return { ...sources, partitions: new Map(sources.partitions).set(partitionName(source.partition), source) };
}

function mapSources({ partitions }: Sources, change: (source: Source) => Source): Map<string, Source> {
  return new Map(Array.from(partitions, ([name, source]) => [name, change(source)]));
}

function later(one: number | null, other: number | null): number | null {
  return one === null || (other !== null && other > one) ? other : one;
}
