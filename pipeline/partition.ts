import type { PartitionId } from './ports.ts';

/** `topic/number`: the name of a partition in messages, logs and as the key of a map. */
export function partitionName({ topic, partition }: PartitionId): string {
  return `${topic}/${partition}`;
}

export function isSamePartition(one: PartitionId, other: PartitionId): boolean {
  return one.topic === other.topic && one.partition === other.partition;
}
