import { randomBytes } from 'node:crypto';
import {
  type Admin,
  type CompressionTypes,
  ConfigResourceTypes,
  Kafka,
  type KafkaConfig,
  logLevel,
  type Message,
  Partitioners,
} from 'kafkajs';
import { waitFor } from '../../../ops/local-kafka/waiting.ts';

export interface TopicOptions {
  readonly partitions?: number;
  /** The nodes that hold each partition, its leader first, in place of a number of partitions. */
  readonly replicas?: readonly (readonly number[])[];
  /** Settings of the topic, such as `{ 'cleanup.policy': 'compact' }`. */
  readonly config?: Readonly<Record<string, string>>;
}

export interface PartitionOffsets {
  readonly partition: number;
  readonly low: number;
  readonly high: number;
}

function placed(replicas: readonly (readonly number[])[]) {
  return { replicaAssignment: replicas.map((nodes, partition) => ({ partition, replicas: [...nodes] })) };
}

/** Creates topics, writes records and reads offsets in a Kafka cluster, for tests. */
export class TestCluster {
  readonly brokers: readonly string[];
  /** Distinguishes the topics and groups of test files that share a cluster. */
  readonly prefix = `test-${randomBytes(4).toString('hex')}`;
  #topics = 0;

  constructor(brokers: readonly string[]) {
    this.brokers = brokers;
  }

  /** A client of kafkajs that logs nothing. */
  client(config: Partial<KafkaConfig> = {}): Kafka {
    return new Kafka({ clientId: this.prefix, brokers: [...this.brokers], logLevel: logLevel.NOTHING, ...config });
  }

  /** A name for a topic, group or transactional id that no other test uses. */
  uniqueTopic(name: string): string {
    this.#topics += 1;
    return `${this.prefix}-${this.#topics}-${name}`;
  }

  /** Creates a topic with a unique name and gives that name. */
  async createTopic(name: string, options?: TopicOptions): Promise<string> {
    const topic = this.uniqueTopic(name);
    await this.createNamed(topic, options);
    return topic;
  }

  /** Creates a topic of this very name, such as one that was deleted. */
  async createNamed(topic: string, { partitions = 1, replicas, config = {} }: TopicOptions = {}): Promise<void> {
    const configEntries = Object.entries(config).map(([key, value]) => ({ name: key, value }));
    await this.withAdmin(async admin => {
      await admin.createTopics({
        waitForLeaders: false,
        topics: [
          { topic, configEntries, ...(replicas === undefined ? { numPartitions: partitions } : placed(replicas)) },
        ],
      });
      // Brokers need a moment to know and to host the topic. A producer that gets an error meanwhile retries and may
      // write twice.
      await waitFor(`topic ${topic}`, () => admin.fetchTopicOffsets(topic).catch(() => null));
    });
  }

  /** Replaces the settings of a topic. */
  async setTopicConfig(topic: string, config: Readonly<Record<string, string>>): Promise<void> {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }];
    await this.withAdmin(admin => admin.alterConfigs({ validateOnly: false, resources }));
  }

  /** Appends records. Those without a partition go to the one that the Java client would choose for their key. */
  async produce(topic: string, messages: readonly Message[], compression?: CompressionTypes): Promise<void> {
    const producer = this.client().producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    try {
      await producer.send({
        topic,
        messages: [...messages],
        acks: -1,
        ...(compression === undefined ? {} : { compression }),
      });
    } finally {
      await producer.disconnect();
    }
  }

  /** The offsets `[low, high)` of each partition, in the order of the partitions. */
  async offsets(topic: string): Promise<readonly PartitionOffsets[]> {
    const found = await this.withAdmin(admin => admin.fetchTopicOffsets(topic));
    return found
      .map(({ partition, low, high }) => ({ partition, low: Number(low), high: Number(high) }))
      .toSorted((one, other) => one.partition - other.partition);
  }

  /**
   * Commits an offset of partition 0 to a group. It uses a transaction, which needs no group member; kafkajs's admin
   * would wait for one.
   */
  async commitToGroup(consumerGroupId: string, topic: string, offset: number): Promise<void> {
    const transactionalId = this.uniqueTopic('commits');
    const producer = this.client().producer({ transactionalId, maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    try {
      const transaction = await producer.transaction();
      const partitions = [{ partition: 0, offset: String(offset) }];
      await transaction.sendOffsets({ consumerGroupId, topics: [{ topic, partitions }] });
      await transaction.commit();
    } finally {
      await producer.disconnect();
    }
  }

  async withAdmin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = this.client().admin();
    await admin.connect();
    try {
      return await use(admin);
    } finally {
      await admin.disconnect();
    }
  }
}
