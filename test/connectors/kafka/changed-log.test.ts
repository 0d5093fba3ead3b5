import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { KafkaSource } from '../../../connectors/kafka/kafka-source.ts';
import type { KafkaCluster } from '../../../connectors/kafka/topics/cluster.ts';
import { waitFor } from '../../../ops/local-kafka/waiting.ts';
import { ingest } from '../../../pipeline/ingest/ingest.ts';
import type { RecordBatch } from '../../../pipeline/ports.ts';
import { boundedKafkaSource, kafkaOptions, LogLines, openTestCluster } from '../../support/kafka/reading.ts';
import { sharedKafka } from '../../support/kafka/shared.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const kafka = await sharedKafka();

const events = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => {
    const service_id = `s${from + index}`;
    return { partition: 0, key: service_id, value: JSON.stringify({ event: 'service.started', service_id }) };
  });

const options = (topic: string, onLostRecords: 'stop' | 'skip' = 'stop', batchRecords = 20_000) =>
  kafkaOptions({
    brokers: kafka.brokers,
    topics: [topic],
    group: kafka.uniqueTopic('group'),
    onLostRecords,
    batchRecords,
  });

const ingestOptions = { keyFormat: 'string', clock: { now: Date.now } } as const;

/** Ingests all records that the topic holds now. */
function ingestAll(store: TestStore, topic: string, policy: 'stop' | 'skip' = 'stop') {
  const source = boundedKafkaSource(options(topic, policy));
  return ingest(source, store.warehouse, { ...ingestOptions, signal: AbortSignal.timeout(60_000) });
}

/** Ingests without an end, as the service does. `ended` gives the error that ends it. */
async function keepIngesting(store: TestStore, topic: string, brokers: 'with ids' | 'without ids' = 'with ids') {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const opened = options(topic, 'skip', 10);
  const cluster = await openTestCluster(opened);
  onTestFinished(() => cluster.close());
  if (brokers === 'without ids') hideIds(cluster);
  const source = new KafkaSource(cluster, opened, new LogLines());
  const ended = ingest(source, store.warehouse, { ...ingestOptions, signal: stop.signal }).then(
    () => null,
    (error: unknown) => error,
  );
  return { source, ended };
}

/** Makes the cluster look like one before Kafka 2.8, whose topics have no ids. */
function hideIds(cluster: KafkaCluster): void {
  const look = cluster.look.bind(cluster);
  vi.spyOn(cluster, 'look').mockImplementation(async () => {
    const { ends, topics } = await look();
    return { ends, topics: new Map(Array.from(topics, ([name, topic]) => [name, { ...topic, id: null }])) };
  });
}

const deleteBefore = (topic: string, offset: number) =>
  kafka.withAdmin(async admin => {
    await admin.fetchTopicMetadata({ topics: [topic] });
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
  });

/** Deletes a topic and creates it again with `count` records. */
async function recreate(topic: string, count: number): Promise<void> {
  await kafka.withAdmin(async admin => {
    await admin.deleteTopics({ topics: [topic] });
    await waitFor('the topic to be gone', async () => ((await admin.listTopics()).includes(topic) ? null : true));
  });
  await kafka.createNamed(topic);
  if (count > 0) await kafka.produce(topic, events(count, 5_000));
}

async function ingested(count: number) {
  const topic = await kafka.createTopic('changed');
  await kafka.produce(topic, events(count));
  const store = await openTestStore();
  expect(await ingestAll(store, topic)).toMatchObject({ recordsRead: count, applied: count });
  return { topic, store };
}

const offsetOf = (store: TestStore) => store.warehouse.positions()[0]?.nextOffset;
const lostRows = (store: TestStore) => store.rows('SELECT from_offset, to_offset, reason FROM gaps');

describe.skipIf(!kafka.available)('records that Kafka deleted', () => {
  const policies = ['stop', 'skip'] as const;
  test.each(policies)(
    'while they waited to be read are noticed by the next fetch, with the policy %s',
    async policy => {
      const topic = await kafka.createTopic('large');
      // Three fetches' worth, so that the last one is not requested before the first is read.
      const filler = 'x'.repeat(500_000);
      for (const event of events(24)) await kafka.produce(topic, [{ ...event, value: filler }]);
      const opened = { ...options(topic, policy), batchBytes: 600_000 };
      const cluster = await openTestCluster(opened);
      onTestFinished(() => cluster.close());
      const source = new KafkaSource(cluster, opened, new LogLines());
      const batches = source.read([], AbortSignal.timeout(60_000));
      expect((await batches.next()).value).toMatchObject({ from: 0 });
      await deleteBefore(topic, 23);
      const read = await readUntil(batches, 24);
      expect(read.failure).toMatchObject(policy === 'stop' ? { code: 'RECORDS_LOST' } : {});
      expect(read.lost).toEqual(policy === 'stop' ? [] : [expect.objectContaining({ to: 23 })]);
    },
  );

  test('are noticed also when only aborted records follow them', async () => {
    const { topic, store } = await ingested(10);
    await kafka.produce(topic, events(10, 10));
    const transactionalId = kafka.uniqueTopic('transactional');
    const producer = kafka.client().producer({ transactionalId, maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: events(1, 99) });
    await transaction.abort();
    await producer.disconnect();
    await deleteBefore(topic, 20);
    await expect(ingestAll(store, topic)).rejects.toMatchObject({ code: 'RECORDS_LOST' });
    expect(await ingestAll(store, topic, 'skip')).toMatchObject({ recordsRead: 0 });
    expect(await lostRows(store)).toEqual([['10', '20', expect.anything()]]);
    expect(offsetOf(store)).toBe(22);
  });
});

/** Reads up to an offset or to an error, and gives the reported gaps and the error. */
async function readUntil(batches: AsyncGenerator<RecordBatch>, offset: number) {
  const lost: unknown[] = [];
  let failure: unknown = {};
  try {
    for await (const batch of batches) {
      if (batch.lost !== undefined) lost.push(batch.lost);
      if (batch.next.nextOffset === offset) break;
    }
  } catch (error) {
    failure = error;
  }
  return { lost, failure };
}

describe.skipIf(!kafka.available)('a topic that was deleted and created again', () => {
  test.each([
    ['empty', 0],
    ['shorter than what was read', 7],
    ['exactly as long', 20],
    ['longer', 31],
  ])('is refused by its records when brokers have no topic ids, and it is %s', async (_, count) => {
    const { topic, store } = await ingested(20);
    await recreate(topic, count);
    const { ended } = await keepIngesting(store, topic, 'without ids');
    expect(await ended).toMatchObject({
      code: 'SOURCE_CHANGED',
      retry: false,
      message: expect.stringMatching(/^\S+\/0: .*was recreated/),
    });
    expect(offsetOf(store)).toBe(20);
    expect(await store.rows('SELECT count(*) FROM services')).toEqual([['20']]);
  });

  test.each([
    ['and filled beyond the read offset', 60],
    ['and filled less', 3],
  ])('while it is being read %s is refused', async (_, count) => {
    const { topic, store } = await ingested(20);
    const { source, ended } = await keepIngesting(store, topic);
    await waitFor('the partition to be assigned', async () => (source.assigned.length > 0 ? true : null));
    await recreate(topic, count);
    const failure = await Promise.race([ended, failureOfEnds(source)]);
    expect(failure).toMatchObject({ code: 'SOURCE_CHANGED' });
    expect(offsetOf(store)).toBe(20);
    expect(await store.rows("SELECT count(*) FROM services WHERE service_id LIKE 's50__'")).toEqual([['0']]);
  });
});

/**
 * Requests the ends of the log again and again, as the service does, until they fail with `SOURCE_CHANGED`. Gives that
 * error.
 */
function failureOfEnds(source: KafkaSource): Promise<unknown> {
  return waitFor('the log to be refused', async () => {
    const error = await source.look().then(
      () => null,
      (failure: unknown) => failure,
    );
    return (error as { code?: string } | null)?.code === 'SOURCE_CHANGED' ? error : null;
  });
}

test.skipIf(!kafka.available)('positions of a source other than Kafka are refused', async () => {
  const { topic, store } = await ingested(5);
  const positions = store.warehouse.positions().map(known => ({ ...known, origin: '/var/log/calls' }));
  await kafka.produce(topic, events(5, 5));
  const reading = boundedKafkaSource(options(topic)).read(positions, AbortSignal.timeout(60_000));
  await expect(reading[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    code: 'SOURCE_CHANGED',
    message: expect.stringMatching(/was read from \/var\/log\/calls/),
  });
});
