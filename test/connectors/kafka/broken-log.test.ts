import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KafkaOptions } from '../../../connectors/kafka/client/options.ts';
import { kafkaLogAgain } from '../../../connectors/kafka/kafka-log-again.ts';
import type { Broker } from '../../../ops/local-kafka/broker.ts';
import { waitFor } from '../../../ops/local-kafka/waiting.ts';
import { TestCluster } from '../../support/kafka/cluster.ts';
import { canStartBroker, startBroker } from '../../support/kafka/own-servers.ts';
import { readLog } from '../../support/kafka/read-log.ts';
import { boundedKafkaSource, kafkaOptions, LogLines } from '../../support/kafka/reading.ts';
import { positionsAfter, readAll, readToEnd } from '../../support/reading.ts';

describe.skipIf(!(await canStartBroker()))("a log whose files on the broker's disk", () => {
  let broker: Broker;
  let cluster: TestCluster;
  beforeAll(async () => {
    const properties = { 'log.cleaner.backoff.ms': '100', 'log.segment.delete.delay.ms': '0' };
    broker = await startBroker({ properties }, afterAll);
    cluster = new TestCluster(broker.brokers);
  });

  const source = (topic: string, more: Partial<KafkaOptions> = {}) =>
    boundedKafkaSource(
      kafkaOptions({ brokers: cluster.brokers, topics: [topic], group: cluster.uniqueTopic('group'), ...more }),
    );

  /**
   * Writes one record with a new idempotent producer: log cleaning keeps its batch, even empty, for the producer's last
   * sequence number.
   */
  async function produceAlone(topic: string, value: string): Promise<void> {
    const producer = cluster.client().producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    await producer.send({ topic, acks: -1, messages: [{ key: 'k', value }] });
    await producer.disconnect();
  }

  const stopCleaning = (topic: string) => cluster.setTopicConfig(topic, { 'cleanup.policy': 'delete' });

  test('hold empty batches, left by compaction before the topic was set to delete, is read past them', async () => {
    const config = { 'cleanup.policy': 'compact', 'segment.ms': '100', 'min.cleanable.dirty.ratio': '0.001' };
    const topic = await cluster.createTopic('cleaned', { config });
    for (const value of ['a', 'b', 'c']) await produceAlone(topic, value);
    // Kafka cleans only segments before the one that is being written.
    await waitFor('the log to be cleaned', async () => {
      await produceAlone(topic, 'newest');
      const [records] = await readLog(cluster, topic);
      return Number(records?.[0]?.offset) > 1 ? true : null;
    });
    await stopCleaning(topic);

    const whole = await readAll(source(topic));
    const high = (await cluster.offsets(topic))[0]!.high;
    expect(whole[0]).toMatchObject({ from: 0 });
    expect(whole[0]?.records[0]?.offset).toBeGreaterThan(1);
    expect(whole.at(-1)?.next.nextOffset).toBe(high);
    // Also from an offset within the empty batches.
    const stored = positionsAfter(whole).map(position => ({ ...position, nextOffset: 1, bookmark: null }));
    const rest = await readAll(source(topic), stored);
    expect(rest[0]).toMatchObject({ from: 1 });
    expect(rest.flatMap(({ records }) => records)).toEqual(whole.flatMap(({ records }) => records));
  });

  async function damage(topic: string, value: string): Promise<void> {
    await broker.stop();
    await flipBit(path.join(broker.dir, 'data', `${topic}-0`), value);
    await broker.start();
  }

  test('have one flipped bit is read up to that batch, and the error names the offset; with the policy skip it is a gap (contract 2.18)', async () => {
    const topic = await cluster.createTopic('damaged');
    for (const value of ['good', 'damaged', 'behind']) await cluster.produce(topic, [{ key: 'k', value }]);
    await damage(topic, 'damaged');

    const { records, failure } = await readToEnd(source(topic));
    const reason = 'the record batch at offset 1 fails its CRC-32C';
    expect(failure).toMatchObject({
      code: 'SOURCE_CORRUPT',
      retry: false,
      message: `${topic}/0: ${reason}; to continue after offset 1, set kafka_on_damaged_batch to skip, or give a new replay --allow-gaps`,
    });
    expect(records.map(({ value }) => String(value))).toEqual(['good']);

    const skipped = await readAll(source(topic, { onDamagedBatch: 'skip' }));
    expect(skipped.flatMap(({ records }) => records.map(({ value }) => String(value)))).toEqual(['good', 'behind']);
    expect(skipped.flatMap(({ lost }) => lost ?? [])).toEqual([{ from: 1, to: 2, reason }]);
    expect(await readAll(source(topic), positionsAfter(skipped)), 'there is nothing more').toEqual([]);

    const target = { partition: { topic, partition: 0 }, kind: 'live', from: 0, until: 3 } as const;
    const options = kafkaOptions({ brokers: cluster.brokers, topics: [topic], group: cluster.uniqueTopic('replay') });
    const again = async (mayHaveGaps: boolean) => {
      const log = kafkaLogAgain(options, new LogLines());
      for await (const opened of log.open([{ ...target, mayHaveGaps }])) return readToEnd(opened(options));
      return { failure: null, records: [], batches: [] };
    };
    expect(await again(false), 'a replay').toMatchObject({ failure: { code: 'SOURCE_CORRUPT' }, records: [{}] });
    const { batches, failure: none } = await again(true);
    expect([none, batches.flatMap(({ lost }) => lost ?? [])]).toEqual([null, [{ from: 1, to: 2, reason }]]);
  });

  test('have one flipped bit in what was read before is read on, although the last record cannot be compared', async () => {
    const topic = await cluster.createTopic('damaged-later');
    for (const value of ['first', 'damaged']) await cluster.produce(topic, [{ key: 'k', value }]);
    const before = await readAll(source(topic));
    await damage(topic, 'damaged');
    await cluster.produce(topic, [{ key: 'k', value: 'behind' }]);
    const { batches, failure } = await readToEnd(source(topic), positionsAfter(before));
    expect(failure).toBeNull();
    expect(batches.map(({ from, lost, records }) => [from, lost, String(records[0]?.value)])).toEqual([
      [2, undefined, 'behind'],
    ]);
  });
});

async function flipBit(folder: string, value: string): Promise<void> {
  const segment = (await readdir(folder)).find(name => name.endsWith('.log'));
  const file = await open(path.join(folder, segment ?? ''), 'r+');
  try {
    const bytes = await file.readFile();
    const at = bytes.indexOf(value);
    expect(at).toBeGreaterThan(0);
    await file.write(Buffer.from([bytes[at]! ^ 0x01]), 0, 1, at);
  } finally {
    await file.close();
  }
}
