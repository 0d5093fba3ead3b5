import { partitionName } from '../partition.ts';
import type { PartitionId, SourceKind } from '../ports.ts';
import { newSource, type SourceEnd, type Sources } from './sources.ts';

/** How the sources change as `ingest` is given some, and as they end, by `ingest` or by hand; all changes are pure. */

/**
 * The sources that `ingest` was given, recorded before it reads the first: until each is read to its end, windows wait for
 * it.
 */
export function withGiven(
  sources: Sources,
  given: readonly (PartitionId & { readonly origin: string })[],
  kind: SourceKind,
): Sources {
  const partitions = new Map(sources.partitions);
  for (const { topic, partition, origin } of given) {
    const name = partitionName({ topic, partition });
    const source = partitions.get(name) ?? newSource({ topic, partition }, origin, kind);
    partitions.set(name, { ...source, kind, end: null });
  }
  return { ...sources, partitions };
}

/** The sources with these ended. Throws when one is unknown. */
export function withEnd(sources: Sources, ended: readonly PartitionId[], end: SourceEnd): Sources {
  const partitions = new Map(sources.partitions);
  for (const name of ended.map(partitionName)) {
    const known = partitions.get(name);
    if (known === undefined) throw new Error(`${name} is no source of this store`);
    partitions.set(name, { ...known, end });
  }
  return { ...sources, partitions };
}

/**
 * The sources as if `ingest` had not been given these, which it did not read: one that was unknown before, and of which
 * nothing is stored, is forgotten; one of which nothing was stored since is what it was. What was stored since stays, as
 * when the same file is given twice.
 */
export function withoutGiven(sources: Sources, before: Sources, given: readonly PartitionId[]): Sources {
  const partitions = new Map(sources.partitions);
  for (const name of given.map(partitionName)) {
    const source = partitions.get(name);
    const known = before.partitions.get(name);
    if (source === undefined) continue;
    if (known === undefined && source.nextOffset === null) partitions.delete(name);
    else if (known !== undefined && source.end === null && source.nextOffset === known.nextOffset)
      partitions.set(name, { ...source, kind: known.kind, end: known.end });
  }
  return { ...sources, partitions };
}

/**
 * The sources with a partition ended by hand. One that this process reads stays as it is: its next event would make it
 * live again.
 */
export function withEndByHand(sources: Sources, partition: PartitionId, end: SourceEnd): Sources {
  const known = sources.partitions.get(partitionName(partition));
  return known === undefined || known.assignedAt !== null ? sources : withEnd(sources, [partition], end);
}

/** The sources with a topic that no `run` follows any more ended by hand: it gets no further partitions. */
export function withTopicEnd(sources: Sources, topic: string, end: SourceEnd): Sources {
  return { ...sources, topics: sources.topics.map(known => (known.topic === topic ? { ...known, end } : known)) };
}

/** The sources with a declaration that all events before `until` have been given; it is only ever raised. */
export function withCoverage(sources: Sources, until: number): Sources {
  return { ...sources, coversUntil: Math.max(sources.coversUntil ?? until, until) };
}
