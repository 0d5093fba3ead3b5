import { describe } from 'vitest';
import { KafkaSource } from '../../../connectors/kafka/kafka-source.ts';
import type { NewRecord } from '../../../pipeline/ports.ts';
import { describeEventSource } from '../../contracts/event-source.ts';
import { describeLiveEventSource } from '../../contracts/live-event-source.ts';
import { boundedKafkaSource, kafkaOptions, LogLines, openTestCluster } from '../../support/kafka/reading.ts';
import { sharedKafka } from '../../support/kafka/shared.ts';

const kafka = await sharedKafka();

/** Makes a topic of these partitions. */
async function topicOf(partitions: readonly (readonly NewRecord[])[]): Promise<string> {
  const topic = await kafka.createTopic('contract', { partitions: partitions.length });
  for (const [partition, records] of partitions.entries()) {
    const messages = records.map(({ timestamp, key, value, headers = [] }) => ({
      partition,
      timestamp: String(timestamp ?? -1),
      key: key === null ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      headers: Object.fromEntries(headers.map(({ name, value: of }) => [name, Buffer.from(of ?? [])])),
    }));
    await kafka.produce(topic, messages);
  }
  return topic;
}

describe.skipIf(!kafka.available)('Kafka', () => {
  describeEventSource('Kafka', {
    keeps: 'everything but null headers',
    partitions: 3,
    async open(partitions) {
      const topic = await topicOf(partitions);
      const group = kafka.uniqueTopic('group');
      return {
        source: limits =>
          boundedKafkaSource(kafkaOptions({ brokers: kafka.brokers, topics: [topic], group, ...limits })),
        close: async () => undefined,
      };
    },
  });

  describeLiveEventSource('Kafka', async partitions => {
    const topics = [await topicOf(partitions)];
    const { brokers } = kafka;
    const options = kafkaOptions({ brokers, topics, group: kafka.uniqueTopic('group'), batchRecords: 10 });
    const cluster = await openTestCluster(options);
    return { source: new KafkaSource(cluster, options, new LogLines()), close: () => cluster.close() };
  });
});
