import { TidemarkError } from '../../../pipeline/errors.ts';
import { partitionName } from '../../../pipeline/partition.ts';
import type { LogEnd, PartitionId } from '../../../pipeline/ports.ts';
import type { ClientBroker, ClientBrokers } from '../client/kafkajs-patches.ts';
import { noId, type TopicMetadata } from '../client/metadata-request.ts';
import type { KafkaOptions } from '../client/options.ts';

/** How the cluster answered one look at all configured topics. */
export interface ClusterLook {
  /** The configured partitions, in the order of the topics and by number, whoever reads them. */
  readonly ends: readonly LogEnd[];
  /** All configured topics by name. */
  readonly topics: ReadonlyMap<string, TopicLook>;
}

interface TopicLook {
  /** A topic that was deleted and created again has another id. Null where the brokers have no ids (before Kafka 2.8). */
  readonly id: string | null;
  /** How many partitions the topic has, also where `kafka_partitions` names only some of them. */
  readonly partitions: number;
}

/** A partition and the number of the broker that leads it. Only the leader knows where the partition ends. */
interface LedPartition {
  readonly partition: PartitionId;
  readonly leader: number;
}

/** What one ListOffsets request asks of each of its partitions. */
interface Question {
  readonly isolationLevel: 0 | 1;
  readonly timestamp: number;
}

/**
 * `high` is asked for before `stable`. A broker answers the requests of one connection one after another, so `stable` is
 * below `high` only where a transaction was open, and not because records arrived between the two answers.
 */
const questions: readonly Question[] = [
  { isolationLevel: 0, timestamp: -1 },
  { isolationLevel: 1, timestamp: -1 },
  { isolationLevel: 0, timestamp: -2 },
];

/**
 * Asks the leaders where the partitions of these topics begin and end, or the declared ones of them (null: all): three
 * requests to each leader, for all topics together, sent side by side. Rejects when a broker does not answer, is not the
 * leader or leaves a partition out; then no end is given at all.
 */
export async function lookAt(
  topics: readonly TopicMetadata[],
  declared: KafkaOptions['partitions'],
  brokers: Pick<ClientBrokers, 'findBroker'>,
): Promise<ClusterLook> {
  const partitions = topics.flatMap(topic => ledPartitions(topic, declared));
  const [high, stable, low] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
  const answers = [high, stable, low];
  const asked = Array.from(
    grouped(partitions, ({ leader }) => leader),
    async ([nodeId, led]) => {
      const broker = await brokers.findBroker({ nodeId });
      await Promise.all(questions.map((question, at) => ask(broker, led, question, answers[at]!)));
    },
  );
  await Promise.all(asked);
  const ends = partitions.map(({ partition }) => {
    const of = (offsets: ReadonlyMap<string, number>): number => offsets.get(partitionName(partition)) ?? -1;
    return logEnd(partition, { low: of(low), stable: of(stable), high: of(high) });
  });
  return { ends, topics: new Map(topics.map(topic => [topic.topic, topicLook(topic)])) };
}

function ledPartitions(
  { topic, partitionMetadata }: TopicMetadata,
  declared: KafkaOptions['partitions'],
): readonly LedPartition[] {
  return partitionMetadata
    .filter(({ partitionId }) => declared?.includes(partitionId) ?? true)
    .toSorted((one, other) => one.partitionId - other.partitionId)
    .map(({ partitionId, leader }) => ({ partition: { topic, partition: partitionId }, leader }));
}

function topicLook({ topicId = noId, partitionMetadata }: TopicMetadata): TopicLook {
  return { id: topicId === noId ? null : topicId, partitions: partitionMetadata.length };
}

/** Asks one question about all given partitions and adds the offsets of the answer to `offsets`, by partition name. */
async function ask(
  broker: ClientBroker,
  partitions: readonly LedPartition[],
  { isolationLevel, timestamp }: Question,
  offsets: Map<string, number>,
): Promise<void> {
  const byTopic = grouped(partitions, ({ partition }) => partition.topic);
  const topics = Array.from(byTopic, ([topic, of]) => ({
    topic,
    partitions: of.map(({ partition: { partition } }) => ({ partition, timestamp })),
  }));
  const { responses } = await broker.listOffsets({ isolationLevel, topics });
  for (const { topic, partitions: answered } of responses)
    for (const { partition, offset } of answered) offsets.set(partitionName({ topic, partition }), Number(offset));
}

/**
 * Makes one end of three offsets that come from three answers. The log goes on between the answers: `stable` may have passed
 * the `high` of an earlier answer, and where records were deleted meanwhile so may `low`. `stable` is then cut at `high`;
 * `high` and `stable` are raised to `low`, because nothing below `low` is left. Throws `SOURCE_UNREACHABLE` when an offset is
 * missing (negative).
 */
export function logEnd(partition: PartitionId, { low, stable, high }: Omit<LogEnd, 'partition'>): LogEnd {
  if (Math.min(low, stable, high) < 0) {
    const name = partitionName(partition);
    throw new TidemarkError('SOURCE_UNREACHABLE', `the leader of ${name} does not say where the partition ends`);
  }
  const highest = Math.max(high, low);
  return { partition, low, stable: Math.min(Math.max(stable, low), highest), high: highest };
}

function grouped<Key, Item>(items: readonly Item[], keyOf: (item: Item) => Key): ReadonlyMap<Key, readonly Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item)) ?? [];
    group.push(item);
    groups.set(keyOf(item), group);
  }
  return groups;
}
