import type { PartitionId } from './ports.ts';

/** `topic/number`: the name of a partition in messages, logs and as the key of a map. */
export function partitionName({ topic, partition }: PartitionId): string {
  return `${topic}/${partition}`;
}

/** Orders partitions by topic, and then by number. */
export function byTopicAndNumber(one: PartitionId, other: PartitionId): number {
  if (one.topic !== other.topic) return one.topic < other.topic ? -1 : 1;
  return one.partition - other.partition;
}

export function isSamePartition(one: PartitionId, other: PartitionId): boolean {
  return one.topic === other.topic && one.partition === other.partition;
}
