import { FieldReader, FieldWriter } from './wire.ts';

export interface MetadataOptions {
  /** Empty: all topics of the cluster. */
  readonly topics: readonly string[];
  readonly allowAutoTopicCreation?: boolean;
}

/** kafkajs's description of a partition. */
interface PartitionMetadata {
  readonly partitionErrorCode: number;
  readonly partitionId: number;
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly offlineReplicas: readonly number[];
}

/** kafkajs's description of a topic, plus its id, which brokers before Kafka 2.8 do not send. kafkajs passes it through. */
export interface TopicMetadata {
  readonly topicErrorCode: number;
  readonly topic: string;
  readonly topicId?: string;
  /** One bit for each operation that this client may do with the topic; absent where the broker sends no topic ids. */
  readonly operations?: number;
  readonly partitionMetadata: readonly PartitionMetadata[];
}

/** The part of a response that is used here. */
export interface MetadataResponse {
  readonly topicMetadata: readonly TopicMetadata[];
}

/** The first version whose response holds topic ids (Kafka 2.8). */
export const metadataWithIds = { apiKey: 3, apiVersion: 10, apiName: 'Metadata' };

/** The id of zeros: in a request "look up by name", in a response "this topic has no id". */
export const noId = '0'.repeat(32);

/** Encodes version 10 of the metadata request, after the part of the header that kafkajs writes itself. */
export function encodeMetadataRequest({ topics, allowAutoTopicCreation = false }: MetadataOptions): Buffer {
  const writer = new FieldWriter().tags();
  writer.structures(topics.length === 0 ? null : topics, topic => writer.uuid(noId).string(topic));
  // 0 and 1: list the rights on the topics, and not those on the cluster.
  return writer
    .int8(allowAutoTopicCreation ? 1 : 0)
    .int8(0)
    .int8(1)
    .tags()
    .finish();
}

/** Decodes the response into the field names that kafkajs expects. */
export function decodeMetadataResponse(bytes: Buffer) {
  const reader = new FieldReader(bytes, true);
  reader.tags();
  const clientSideThrottleTime = reader.int32();
  const brokers = reader.structures(() => ({
    nodeId: reader.int32(),
    host: reader.string(),
    port: reader.int32(),
    rack: reader.string(),
  }));
  const clusterId = reader.string();
  const controllerId = reader.int32();
  const topicMetadata = reader.structures(() => readTopic(reader));
  return { throttleTime: 0, clientSideThrottleTime, brokers, clusterId, controllerId, topicMetadata };
}

function readTopic(reader: FieldReader): TopicMetadata {
  const topicErrorCode = reader.int16();
  const topic = reader.string() ?? '';
  const topicId = reader.uuid();
  reader.boolean(); // whether the topic is one of Kafka's own
  const partitionMetadata = reader.structures((): PartitionMetadata => {
    const partitionErrorCode = reader.int16();
    const partitionId = reader.int32();
    const leader = reader.int32();
    reader.int32(); // the leader's epoch
    const replicas = reader.int32s();
    const isr = reader.int32s();
    const offlineReplicas = reader.int32s();
    return { partitionErrorCode, partitionId, leader, replicas, isr, offlineReplicas };
  });
  const operations = reader.int32();
  return { topicErrorCode, topic, topicId, operations, partitionMetadata };
}
