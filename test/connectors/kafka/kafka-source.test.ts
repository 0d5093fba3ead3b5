import { describe } from 'vitest';
import { describeEventSource } from '../../contracts/event-source.ts';
import { boundedKafkaSource, kafkaOptions } from '../../support/kafka/reading.ts';
import { sharedKafka } from '../../support/kafka/shared.ts';

const kafka = await sharedKafka();

describe.skipIf(!kafka.available)('Kafka', () => {
  describeEventSource('Kafka', {
    keeps: 'everything but null headers',
    partitions: 3,
    async open(partitions) {
      const topic = await kafka.createTopic('contract', { partitions: partitions.length });
      const group = kafka.uniqueTopic('group');
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
      return {
        source: limits =>
          boundedKafkaSource(kafkaOptions({ brokers: kafka.brokers, topics: [topic], group, ...limits })),
        close: async () => undefined,
      };
    },
  });
});
