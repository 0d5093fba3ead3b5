import { describe, expect, onTestFinished, test } from 'vitest';
import type { KafkaOptions } from '../../../../connectors/kafka/client/options.ts';
import { waitFor } from '../../../../ops/local-kafka/waiting.ts';
import { ingest } from '../../../../pipeline/ingest/ingest.ts';
import { TestCluster } from '../../../support/kafka/cluster.ts';
import { canStartBroker, startBroker } from '../../../support/kafka/own-servers.ts';
import { boundedKafkaSource, kafkaOptions } from '../../../support/kafka/reading.ts';
import { sharedKafka } from '../../../support/kafka/shared.ts';
import { openTestStore, type TestStore } from '../../../support/store.ts';

const kafka = await sharedKafka();

const started = (id: string) => ({ key: id, value: `{"event":"service.started","service_id":"${id}"}`, partition: 0 });
const services = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => started(`s${from + index}`));

function ingestTopic(store: TestStore, topic: string, more: Partial<KafkaOptions> = {}) {
  const brokers = more.brokers ?? kafka.brokers;
  const source = boundedKafkaSource(
    kafkaOptions({ brokers, topics: [topic], group: kafka.uniqueTopic('group'), ...more }),
  );
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  return ingest(source, store.warehouse, {
    keyFormat: 'string',
    clock: { now: Date.now },
    signal: stop.signal,
  });
}

const deleteBelow = (topic: string, offset: number) =>
  kafka.withAdmin(async admin => {
    await admin.fetchTopicMetadata({ topics: [topic] });
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
  });

const recreate = (topic: string) =>
  kafka.withAdmin(async admin => {
    await admin.deleteTopics({ topics: [topic] });
    for (let created = false; !created; ) {
      // Kafka deletes the topic after its answer; until then the name is taken and false comes back.
      created = await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: 1 }] });
    }
    await waitFor(`topic ${topic}`, () => admin.fetchTopicOffsets(topic).catch(() => null));
  });

describe.skipIf(!kafka.available)('records that Kafka deleted before they were read', () => {
  test('stop the reading with the offsets in the error, and change nothing (contract 2.15)', async () => {
    const topic = await kafka.createTopic('deleted');
    await kafka.produce(topic, services(0, 10));
    const store = await openTestStore();
    await ingestTopic(store, topic);
    await kafka.produce(topic, services(10, 30));
    await deleteBelow(topic, 25);
    await expect(ingestTopic(store, topic)).rejects.toMatchObject({
      code: 'RECORDS_LOST',
      message: expect.stringMatching(
        /\/0: the next offset to read is 10, but the log now begins at 25; .*kafka_on_lost_records to skip/,
      ),
    });
    expect(await store.rows('SELECT next_offset, records_read FROM partitions')).toEqual([['10', '10']]);
  });

  test('are stored as a gap with the policy skip (contract 2.15)', async () => {
    const topic = await kafka.createTopic('skipped');
    await kafka.produce(topic, services(0, 10));
    const store = await openTestStore();
    await ingestTopic(store, topic);
    await kafka.produce(topic, services(10, 30));
    await deleteBelow(topic, 25);
    expect(await ingestTopic(store, topic, { onLostRecords: 'skip' })).toEqual({
      recordsRead: 5,
      applied: 5,
      quarantined: 0,
    });
    expect(await store.rows('SELECT from_offset, to_offset FROM gaps')).toEqual([['10', '25']]);
    expect(await store.rows('SELECT next_offset, records_read FROM partitions')).toEqual([['30', '15']]);
    expect(await store.rows('SELECT count(*) FROM services')).toEqual([['15']]);
  });

  test('do not count as lost when all of them had been read', async () => {
    const topic = await kafka.createTopic('read-before');
    await kafka.produce(topic, services(0, 10));
    const store = await openTestStore();
    await ingestTopic(store, topic);
    await deleteBelow(topic, 10);
    await kafka.produce(topic, services(10, 12));
    expect(await ingestTopic(store, topic)).toEqual({ recordsRead: 2, applied: 2, quarantined: 0 });
    expect(await store.rows('SELECT count(*) FROM gaps')).toEqual([['0']]);
  });

  test('before the first reading do not count as lost: reading begins where the log begins', async () => {
    const topic = await kafka.createTopic('begins-late');
    await kafka.produce(topic, services(0, 10));
    await deleteBelow(topic, 4);
    const store = await openTestStore();
    expect(await ingestTopic(store, topic)).toEqual({ recordsRead: 6, applied: 6, quarantined: 0 });
  });
});

describe.skipIf(!kafka.available)('a topic that was deleted and created again', () => {
  test.each([
    ['and is empty', 0],
    ['and holds less than was read', 5],
    ['and holds as much as was read', 10],
    ['and was filled beyond what was read', 40],
  ])('%s is refused and not read from its middle', async (_, records) => {
    const topic = await kafka.createTopic('remade');
    await kafka.produce(topic, services(0, 10));
    const store = await openTestStore();
    await ingestTopic(store, topic);
    await recreate(topic);
    if (records > 0) await kafka.produce(topic, services(100, 100 + records));
    // One more, because the test's reader ends at once when the log ends at its position.
    if (records === 10) await kafka.produce(topic, services(200, 201));
    await expect(ingestTopic(store, topic, { onLostRecords: 'skip' })).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      retry: false,
      message: expect.stringMatching(/was recreated/),
    });
    expect(await store.rows('SELECT count(*) FROM services')).toEqual([['10']]);
  });
});

describe.skipIf(!kafka.available)('offsets that were committed to Kafka', () => {
  test.each([
    ['before', 2],
    ['after', 17],
    ['far after', 5_000],
  ])('%s the stored one change nothing', async (_, offset) => {
    const topic = await kafka.createTopic('committed');
    const group = kafka.uniqueTopic('group');
    await kafka.produce(topic, services(0, 10));
    const store = await openTestStore();
    await ingestTopic(store, topic, { group });
    await kafka.produce(topic, services(10, 20));
    await kafka.commitToGroup(group, topic, offset);
    expect(await ingestTopic(store, topic, { group })).toEqual({ recordsRead: 10, applied: 10, quarantined: 0 });
    expect(await store.rows('SELECT count(*) FROM services')).toEqual([['20']]);
  });

  test('change nothing for a new database, which begins where the log begins', async () => {
    const topic = await kafka.createTopic('committed-new');
    const group = kafka.uniqueTopic('group');
    await kafka.produce(topic, services(0, 10));
    await kafka.commitToGroup(group, topic, 7);
    const store = await openTestStore();
    expect(await ingestTopic(store, topic, { group })).toEqual({ recordsRead: 10, applied: 10, quarantined: 0 });
  });
});

describe.skipIf(!kafka.available || !(await canStartBroker()))('another cluster', () => {
  test('with a topic of the same name is refused', async () => {
    const topic = await kafka.createTopic('clusters');
    await kafka.produce(topic, services(0, 5));
    const store = await openTestStore();
    await ingestTopic(store, topic);
    const broker = await startBroker();
    const other = new TestCluster(broker.brokers);
    await other.createNamed(topic);
    await other.produce(topic, services(0, 9));
    await expect(ingestTopic(store, topic, { brokers: broker.brokers })).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      message: expect.stringMatching(/was read from kafka .* but kafka_brokers leads to kafka .*correct kafka_brokers/),
    });
  });
});

describe.skipIf(!kafka.available)('a fixed list of partitions', () => {
  test('is read only by the process that names it, in one group with the process of the others', async () => {
    const topic = await kafka.createTopic('fixed', { partitions: 3 });
    const group = kafka.uniqueTopic('group');
    await kafka.produce(
      topic,
      Array.from({ length: 30 }, (_, index) => ({ ...started(`s${index}`), partition: index % 3 })),
    );
    const [one, other] = [await openTestStore(), await openTestStore()];
    const counts = await Promise.all([
      ingestTopic(one, topic, { group, partitions: [0, 1] }),
      ingestTopic(other, topic, { group, partitions: [2] }),
    ]);
    expect(counts.map(({ applied }) => applied)).toEqual([20, 10]);
    expect(await one.rows('SELECT partition FROM partitions ORDER BY 1')).toEqual([[0], [1]]);
    expect(await other.rows('SELECT partition FROM partitions')).toEqual([[2]]);
  });

  test('that names a missing partition is refused, and the error says which exist', async () => {
    const topic = await kafka.createTopic('fixed-lacking', { partitions: 3 });
    await expect(ingestTopic(await openTestStore(), topic, { partitions: [2, 3, 7] })).rejects.toMatchObject({
      code: 'TOPIC_UNFIT',
      message: expect.stringMatching(
        /kafka_partitions names partition 3, 7, but topic \S+ has 3 partitions; allowed are 0 to 2/,
      ),
    });
  });
});
