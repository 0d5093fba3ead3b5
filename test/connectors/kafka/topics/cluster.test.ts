import { isDeepStrictEqual } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { loadKafkaJs } from '../../../../connectors/kafka/client/load-kafkajs.ts';
import type { KafkaOptions } from '../../../../connectors/kafka/client/options.ts';
import type { KafkaCluster } from '../../../../connectors/kafka/topics/cluster.ts';
import { waitFor } from '../../../../ops/local-kafka/waiting.ts';
import { kafkaOptions, openTestCluster } from '../../../support/kafka/reading.ts';
import { sharedKafka } from '../../../support/kafka/shared.ts';

const kafka = await sharedKafka();

async function open(topics: readonly string[], partitions: KafkaOptions['partitions'] = null): Promise<KafkaCluster> {
  const options = kafkaOptions({ brokers: kafka.brokers, topics, partitions, group: 'any' });
  const cluster = await openTestCluster(options);
  onTestFinished(() => cluster.close());
  return cluster;
}

const records = (count: number) => Array.from({ length: count }, () => ({ partition: 0, value: '{}' }));

describe.skipIf(!kafka.available)('a look at the topics', () => {
  test.each(['commit', 'abort'] as const)(
    'sees acknowledged records behind an open transaction below high and not below stable, until its %s',
    async end => {
      const topic = await kafka.createTopic('open-transaction');
      const cluster = await open([topic]);
      const ends = async () => (await cluster.look()).ends;
      const partition = { topic, partition: 0 };
      expect(await ends()).toEqual([{ partition, low: 0, stable: 0, high: 0 }]);
      await kafka.produce(topic, records(2));
      expect(await ends()).toEqual([{ partition, low: 0, stable: 2, high: 2 }]);

      const transactionalId = kafka.uniqueTopic('transactional');
      const producer = kafka.client().producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 });
      await producer.connect();
      onTestFinished(() => producer.disconnect());
      const transaction = await producer.transaction();
      await transaction.send({ topic, acks: -1, messages: records(1) });
      await kafka.produce(topic, records(3));
      expect(await ends()).toEqual([{ partition, low: 0, stable: 2, high: 6 }]);
      expect(await kafka.offsets(topic), 'kafkajs itself asks for the last stable offset').toMatchObject([{ high: 2 }]);

      await transaction[end]();
      // The marker that ends it takes an offset too. It is written after the client has its answer.
      const atItsEnd = { partition, low: 0, stable: 7, high: 7 };
      await waitFor('stable to reach high', async () => (isDeepStrictEqual(await ends(), [atItsEnd]) ? true : null));
    },
  );

  test('begins where records were deleted before', async () => {
    const topic = await kafka.createTopic('deleted');
    await kafka.produce(topic, records(5));
    await kafka.withAdmin(async admin => {
      await admin.fetchTopicMetadata({ topics: [topic] });
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '4' }] });
    });
    expect((await (await open([topic])).look()).ends).toMatchObject([{ low: 4, stable: 5, high: 5 }]);
  });

  test('takes one metadata request, two requests for both ends and one for the beginnings, however many topics there are', async () => {
    const topics = await Promise.all(
      Array.from({ length: 12 }, (_, at) => kafka.createTopic(`many-${at}`, { partitions: 2 })),
    );
    const clients = vi.spyOn(loadKafkaJs().Kafka.prototype, 'admin');
    const cluster = await open(topics);
    await cluster.look();
    const admin = clients.mock.results[0]!.value;
    const requests: string[] = [];
    admin.on(admin.events.REQUEST, ({ payload }: { payload: { apiName: string } }) => requests.push(payload.apiName));
    const { ends } = await cluster.look();
    expect(requests).toEqual(['Metadata', 'ListOffsets', 'ListOffsets', 'ListOffsets']);
    expect(ends.map(({ partition: { topic, partition } }) => `${topic} ${partition}`)).toEqual(
      topics.flatMap(topic => [`${topic} 0`, `${topic} 1`]),
    );
  });

  test('sees a partition that was added after the look before', async () => {
    const topic = await kafka.createTopic('grows');
    const cluster = await open([topic]);
    const before = await cluster.look();
    expect(before.topics).toEqual(new Map([[topic, { id: expect.stringMatching(/^[0-9a-f]{32}$/), partitions: 1 }]]));
    await kafka.withAdmin(async admin => {
      await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
      // A broker learns of the partitions a moment after the controller created them.
      await waitFor('the broker to know three partitions', async () => {
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
        return topics[0]?.partitions.length === 3 ? true : null;
      });
    });
    const { ends, topics } = await cluster.look();
    expect(ends).toHaveLength(3);
    expect(topics.get(topic)).toEqual({ id: before.topics.get(topic)?.id, partitions: 3 });
  });

  test('gives the ends of declared partitions and counts all partitions', async () => {
    const topic = await kafka.createTopic('declared', { partitions: 4 });
    const { ends, topics } = await (await open([topic], [1, 3])).look();
    expect(ends.map(({ partition }) => partition.partition)).toEqual([1, 3]);
    expect(topics.get(topic)?.partitions).toBe(4);
  });

  test('refuses declared partitions that a topic does not have', async () => {
    const topic = await kafka.createTopic('undeclared', { partitions: 2 });
    await expect((await open([topic], [0, 5, 7])).look()).rejects.toMatchObject({
      code: 'TOPIC_UNFIT',
      message: `kafka_partitions names partition 5, 7, but topic ${topic} has 2 partitions; allowed are 0 to 1`,
    });
  });

  test('names the one topic of several that does not exist', async () => {
    const topic = await kafka.createTopic('there');
    await expect((await open([topic, 'nowhere-to-be-found'])).look()).rejects.toMatchObject({
      code: 'TOPIC_UNFIT',
      message: expect.stringMatching(/^could not look at topic nowhere-to-be-found: there is no such topic at /),
    });
  });
});
