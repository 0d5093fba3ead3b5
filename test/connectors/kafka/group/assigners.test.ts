import { createRequire } from 'node:module';
import type { GroupMember, PartitionAssigner } from 'kafkajs';
import { expect, test } from 'vitest';
import { subscribedAssigner } from '../../../../connectors/kafka/group/assigners.ts';

const { AssignerProtocol }: typeof import('kafkajs') = createRequire(import.meta.url)('kafkajs');

type Counts = Readonly<Record<string, number>>;

/** The assigner of a process that knows so many partitions of each topic. */
function assignerWith(counts: Counts) {
  const findTopicPartitionMetadata = (topic: string) => Array.from({ length: counts[topic] ?? 0 });
  const config = { cluster: { findTopicPartitionMetadata } } as unknown as Parameters<PartitionAssigner>[0];
  return subscribedAssigner(config);
}

/** A member that joined when its topics had so many partitions. */
function joined(memberId: string, counts: Counts): GroupMember {
  const { metadata } = assignerWith(counts).protocol({ topics: Object.keys(counts) });
  return { memberId, memberMetadata: metadata };
}

/** The partitions of each member, as a leader assigns them that knows so many partitions of each topic. */
async function assigned(leader: Counts, members: GroupMember[]) {
  const assignments = await assignerWith(leader).assign({ members, topics: [] });
  return Object.fromEntries(
    assignments.map(({ memberId, memberAssignment }) => [
      memberId,
      AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment,
    ]),
  );
}

test('partitions that were added since the members joined are assigned by a leader that knows them', async () => {
  const members = [joined('a', { calls: 1 }), joined('b', { calls: 1 })];
  expect(await assigned({ calls: 4 }, members), 'an added partition is read by nobody').toEqual({
    a: { calls: [0, 2] },
    b: { calls: [1, 3] },
  });
});

test('partitions of a topic that the leader does not read are assigned by the number that its reader sends', async () => {
  const members = [joined('a', { calls: 2 }), joined('b', { chats: 3 })];
  expect(await assigned({ calls: 2 }, members)).toEqual({ a: { calls: [0, 1] }, b: { chats: [0, 1, 2] } });
});
