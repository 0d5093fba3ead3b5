import type { PartitionAssigner } from 'kafkajs';
import { assignerProtocol } from './assigner-protocol.ts';

/**
 * Gives every member of the group the partitions that it asks for, of the topics that it reads, so that a fixed list is
 * owned for good while tools still see one group. Who is late, frozen or doubled changes nothing of what another owns.
 */
export function fixedAssigner(partitions: readonly number[]): PartitionAssigner {
  const { MemberMetadata, MemberAssignment } = assignerProtocol();
  const version = 0;
  return () => ({
    name: 'TidemarkFixedPartitions',
    version,
    protocol({ topics }) {
      const userData = Buffer.from(JSON.stringify(partitions));
      return { name: this.name, metadata: MemberMetadata.encode({ version, topics, userData }) };
    },
    async assign({ members }) {
      return members.map(({ memberId, memberMetadata }) => {
        const { topics, userData } = MemberMetadata.decode(memberMetadata);
        const wanted = JSON.parse(userData.toString()) as readonly number[];
        const assignment = Object.fromEntries(topics.map(topic => [topic, wanted]));
        return {
          memberId,
          memberAssignment: MemberAssignment.encode({ version, assignment, userData: Buffer.alloc(0) }),
        };
      });
    },
  });
}
