import type { Admin } from 'kafkajs';

/** Records of a topic that a group has not told as read; null if it has told nothing yet. */
export async function groupLag(admin: Admin, groupId: string, topic: string): Promise<number | null> {
  const [told] = await admin.fetchOffsets({ groupId, topics: [topic] });
  const ends = new Map((await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, Number(high)]));
  const partitions = told?.partitions ?? [];
  if (partitions.every(({ offset }) => Number(offset) < 0)) return null;
  return partitions.reduce(
    (sum, { partition, offset }) => sum + (ends.get(partition) ?? 0) - Math.max(0, Number(offset)),
    0,
  );
}
