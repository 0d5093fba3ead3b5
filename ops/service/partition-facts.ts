import type { Source, Sources } from '../../pipeline/completeness/sources.ts';

/** The partitions that the followed topics list, that have not ended, and that this process does not read. */
export function unreadPartitions({ partitions }: Sources): readonly Source[] {
  return Array.from(partitions.values()).filter(
    ({ isListed, assignedAt, end }) => isListed && assignedAt === null && end === null,
  );
}

/** The partitions of this process whose next records wait, because they seem not to fit the configuration. */
export function heldPartitions({ partitions }: Sources): readonly Source[] {
  return Array.from(partitions.values()).filter(({ held, assignedAt }) => held !== null && assignedAt !== null);
}

/** Says which part of its topics this process reads, and what that means for exports. */
export function describePart(sources: Sources): string {
  const listed = Array.from(sources.partitions.values()).filter(({ isListed, end }) => isListed && end === null);
  const unread = unreadPartitions(sources).length;
  const part = `this process reads ${listed.length - unread} of ${listed.length} partitions`;
  return `${part}: exports stay provisional; let one process read all, or declare its part with kafka_partitions`;
}

/** How long the stable end has been below the high end without moving, in milliseconds; 0 where they are equal. */
export function openTransactionMs({ look, stableSince }: Source, now: number): number {
  return look === null || stableSince === null || look.stable === look.high ? 0 : Math.max(now - stableSince, 0);
}
