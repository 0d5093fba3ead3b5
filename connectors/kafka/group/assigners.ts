import { createRequire } from 'node:module';
import type { PartitionAssigner } from 'kafkajs';

const require = createRequire(import.meta.url);

/** How members of a group and its leader encode their messages. kafkajs implements it but does not export it. */
interface AssignerProtocol {
  readonly MemberMetadata: {
    encode(message: { version: number; topics: readonly string[]; userData: Buffer }): Buffer;
    decode(bytes: Buffer): { readonly topics: readonly string[]; readonly userData: Buffer };
  };
  readonly MemberAssignment: {
    encode(message: { version: number; assignment: Assignment; userData: Buffer }): Buffer;
  };
}

/** Partition numbers by topic. */
type Assignment = Readonly<Record<string, readonly number[]>>;

/** Version of the messages' format. */
const version = 0;

/** Loaded on each call and not at import, so that it belongs to the copy of kafkajs that `loadKafkaJs` patched. */
function assignerProtocol(): AssignerProtocol {
  return require('kafkajs/src/consumer/assignerProtocol.js');
}

/** The message by which a member joins: its topics, and a JSON value for the leader. */
function encodeMember(topics: readonly string[], value: unknown): Buffer {
  const userData = Buffer.from(JSON.stringify(value));
  return assignerProtocol().MemberMetadata.encode({ version, topics, userData });
}

function decodeMember(bytes: Buffer): { readonly topics: readonly string[]; readonly numbers: readonly number[] } {
  const { topics, userData } = assignerProtocol().MemberMetadata.decode(bytes);
  return { topics, numbers: JSON.parse(userData.toString()) };
}

function encodeAssignment(assignment: Assignment): Buffer {
  return assignerProtocol().MemberAssignment.encode({ version, assignment, userData: Buffer.alloc(0) });
}

/**
 * Assigns to every member the partition numbers in its own list, for each topic that it reads. So each process keeps its
 * fixed list whatever other members do, and lag tools still see one group. The leader calls `onUnclaimed` with the
 * partitions of a topic that no member's list names: nobody reads them.
 */
export function fixedAssigner(
  partitions: readonly number[],
  onUnclaimed: (topic: string, numbers: readonly number[]) => void,
): PartitionAssigner {
  return ({ cluster }) => ({
    name: 'TidemarkFixedPartitions',
    version,
    protocol({ topics }) {
      return { name: this.name, metadata: encodeMember(topics, partitions) };
    },
    async assign({ members }) {
      const lists = members.map(({ memberMetadata }) => decodeMember(memberMetadata));
      for (const [topic, numbers] of unclaimed(lists, topic => cluster.findTopicPartitionMetadata(topic).length))
        onUnclaimed(topic, numbers);
      return members.map(({ memberId, memberMetadata }) => {
        const { topics, numbers } = decodeMember(memberMetadata);
        const assignment = Object.fromEntries(topics.map(topic => [topic, numbers]));
        return { memberId, memberAssignment: encodeAssignment(assignment) };
      });
    },
  });
}

type MemberList = ReturnType<typeof decodeMember>;

/** The partitions of each topic that no list names; `countOf` returns 0 for a topic that the leader does not read. */
function unclaimed(lists: readonly MemberList[], countOf: (topic: string) => number) {
  const topics = [...new Set(lists.flatMap(list => list.topics))].toSorted();
  return topics.flatMap((topic): readonly (readonly [string, readonly number[]])[] => {
    const named = new Set(lists.filter(list => list.topics.includes(topic)).flatMap(list => list.numbers));
    const numbers = Array.from({ length: countOf(topic) }, (_, number) => number).filter(number => !named.has(number));
    return numbers.length === 0 ? [] : [[topic, numbers]];
  });
}

interface Member {
  readonly id: string;
  readonly topics: readonly string[];
  /** The number of partitions of each topic, in the order of `topics`. */
  readonly counts: readonly number[];
}

/**
 * Assigns the partitions of each topic in turn to the members that read this topic. kafkajs's round robin assigns the
 * leader's topics to all members, also to those that do not read them, and nobody reads such a partition.
 *
 * The leader knows the partitions of its own topics only, so every member sends how many its topics have. A member whose
 * topic gets more partitions joins again with the new number, and the group then assigns all partitions again.
 */
export const subscribedAssigner: PartitionAssigner = ({ cluster }) => {
  /** 0 for a topic that only other members read. */
  const knownCount = (topic: string): number => cluster.findTopicPartitionMetadata(topic).length;
  return {
    name: 'TidemarkRoundRobin',
    version,
    protocol({ topics }) {
      return { name: this.name, metadata: encodeMember(topics, topics.map(knownCount)) };
    },
    async assign({ members }) {
      const assigned = assignInTurn(
        members.map(({ memberId, memberMetadata }) => {
          const { topics, numbers } = decodeMember(memberMetadata);
          // The leader's own metadata may be newer than the count that the member sent.
          const counts = topics.map((topic, index) => Math.max(numbers[index] ?? 0, knownCount(topic)));
          return { id: memberId, topics, counts };
        }),
      );
      return Array.from(assigned, ([memberId, assignment]) => ({
        memberId,
        memberAssignment: encodeAssignment(assignment),
      }));
    },
  };
};

/** The assignment of each member by member id; every member has an entry. */
function assignInTurn(members: readonly Member[]): ReadonlyMap<string, Assignment> {
  const inOrder = members.toSorted((one, other) => (one.id < other.id ? -1 : 1));
  const assigned = new Map(inOrder.map(({ id }) => [id, {} as Record<string, number[]>]));
  let turn = 0;
  for (const topic of [...new Set(inOrder.flatMap(({ topics }) => topics))].toSorted()) {
    const readers = inOrder.filter(({ topics }) => topics.includes(topic));
    const count = Math.max(...readers.map(({ topics, counts }) => counts[topics.indexOf(topic)] ?? 0));
    for (let partition = 0; partition < count; partition += 1) {
      const owned = assigned.get(readers[turn++ % readers.length]!.id)!;
      owned[topic] = [...(owned[topic] ?? []), partition];
    }
  }
  return assigned;
}
