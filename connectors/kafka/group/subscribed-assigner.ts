import type { PartitionAssigner } from 'kafkajs';
import { assignerProtocol } from './assigner-protocol.ts';

interface Member {
  readonly id: string;
  readonly topics: readonly string[];
  /** How many partitions it knows of each topic, in their order. */
  readonly counts: readonly number[];
}

/**
 * Deals the partitions of each topic out in turn, to the members that read this topic. The round robin of kafkajs deals
 * the leader's topics out to all members, and nobody is told of a partition that went to one who does not read it. A
 * leader knows the partitions of its own topics only, so every member says how many its topics have; one that finds more
 * says so by joining anew, which the broker then takes for a change.
 */
export const subscribedAssigner: PartitionAssigner = ({ cluster }) => {
  const { MemberMetadata, MemberAssignment } = assignerProtocol();
  const version = 0;
  /** 0 for a topic that only others read. */
  const countOf = (topic: string): number => cluster.findTopicPartitionMetadata(topic).length;
  return {
    name: 'TidemarkRoundRobin',
    version,
    protocol({ topics }) {
      const counts = topics.map(countOf);
      const userData = Buffer.from(JSON.stringify(counts));
      return { name: this.name, metadata: MemberMetadata.encode({ version, topics, userData }) };
    },
    async assign({ members }) {
      const dealt = deal(
        members.map(({ memberId, memberMetadata }) => {
          const { topics, userData } = MemberMetadata.decode(memberMetadata);
          const counts = JSON.parse(userData.toString()) as readonly number[];
          // The leader has looked anew since it said how many it knows.
          return { id: memberId, topics, counts: topics.map((topic, at) => Math.max(counts[at] ?? 0, countOf(topic))) };
        }),
      );
      return Array.from(dealt, ([memberId, assignment]) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({ version, assignment, userData: Buffer.alloc(0) }),
      }));
    },
  };
};

/** The partitions of each member, by topic; every member has an entry. */
function deal(members: readonly Member[]): ReadonlyMap<string, Record<string, number[]>> {
  const inOrder = members.toSorted((one, other) => (one.id < other.id ? -1 : 1));
  const dealt = new Map(inOrder.map(({ id }) => [id, {} as Record<string, number[]>]));
  let turn = 0;
  for (const topic of [...new Set(inOrder.flatMap(({ topics }) => topics))].toSorted()) {
    const readers = inOrder.filter(({ topics }) => topics.includes(topic));
    const count = Math.max(...readers.map(({ topics, counts }) => counts[topics.indexOf(topic)] ?? 0));
    for (let partition = 0; partition < count; partition += 1) {
      const owned = dealt.get(readers[turn++ % readers.length]!.id)!;
      owned[topic] = [...(owned[topic] ?? []), partition];
    }
  }
  return dealt;
}
