import { createRequire } from 'node:module';
import type { PartitionAssigner } from 'kafkajs';

const require = createRequire(import.meta.url);

interface AssignerProtocol {
  readonly MemberMetadata: {
    encode(of: { version: number; topics: readonly string[]; userData: Buffer }): Buffer;
    decode(bytes: Buffer): { readonly userData: Buffer };
  };
  readonly MemberAssignment: {
    encode(of: { version: number; assignment: Record<string, readonly number[]>; userData: Buffer }): Buffer;
  };
}

/**
 * Gives every member of the group the partitions that it asks for, so that a fixed list is owned for good while tools
 * still see one group. Who is late, frozen or doubled changes nothing of what another owns.
 */
export function fixedAssigner(partitions: readonly number[]): PartitionAssigner {
  const { MemberMetadata, MemberAssignment }: AssignerProtocol = require('kafkajs/src/consumer/assignerProtocol.js');
  const version = 0;
  return () => ({
    name: 'TidemarkFixedPartitions',
    version,
    protocol({ topics }) {
      const userData = Buffer.from(JSON.stringify(partitions));
      return { name: this.name, metadata: MemberMetadata.encode({ version, topics, userData }) };
    },
    async assign({ members, topics }) {
      return members.map(({ memberId, memberMetadata }) => {
        const wanted = JSON.parse(MemberMetadata.decode(memberMetadata).userData.toString()) as readonly number[];
        const assignment = Object.fromEntries(topics.map(topic => [topic, wanted]));
        return {
          memberId,
          memberAssignment: MemberAssignment.encode({ version, assignment, userData: Buffer.alloc(0) }),
        };
      });
    },
  });
}
