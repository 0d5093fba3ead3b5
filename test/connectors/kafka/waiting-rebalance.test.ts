import { describe, expect, onTestFinished, test } from 'vitest';
import { KafkaSource } from '../../../connectors/kafka/kafka-source.ts';
import { waitFor } from '../../../ops/local-kafka/waiting.ts';
import { kafkaOptions, LogLines, openTestCluster } from '../../support/kafka/reading.ts';
import { sharedKafka } from '../../support/kafka/shared.ts';

const kafka = await sharedKafka();

describe.skipIf(!kafka.available)('a partition that waits to be read again', () => {
  test('is read again also when another member had it as the wait ended', async () => {
    const topic = await kafka.createTopic('waiting', { partitions: 2 });
    await kafka.produce(
      topic,
      [0, 1].map(partition => ({ partition, key: 'k', value: 'v' })),
    );
    const group = kafka.uniqueTopic('group');
    const options = kafkaOptions({ brokers: kafka.brokers, topics: [topic], group, sessionTimeoutMs: 6_000 });
    /** Reads as a member of the group; each partition waits once, when it is read first. */
    const member = async (waitMs: number | null) => {
      const cluster = await openTestCluster(options);
      const source = new KafkaSource(cluster, options, new LogLines());
      const stop = new AbortController();
      const read: number[] = [];
      const reading = (async () => {
        for await (const { partition, from } of source.read([], stop.signal)) {
          read.push(partition.partition);
          const isFirst = read.filter(number => number === partition.partition).length === 1;
          if (isFirst && waitMs !== null) source.readAgain(partition, { stored: undefined, from, afterMs: waitMs });
        }
      })();
      const end = async (): Promise<void> => {
        stop.abort();
        await reading;
        await cluster.close();
      };
      onTestFinished(end);
      return { source, read, end };
    };
    const one = await member(8_000);
    await waitFor('both partitions', async () => (new Set(one.read).size === 2 ? true : null));
    const waitsUntil = Date.now() + 8_000;
    const other = await member(null);
    await waitFor('one partition to be moved', async () => (one.source.assigned.length === 1 ? true : null));
    await waitFor('the waits to end', async () => (Date.now() > waitsUntil + 500 ? true : null));
    await other.end();
    await waitFor('both partitions to be read again', async () => (one.read.length >= 4 ? true : null), 30_000);
    expect(one.read.toSorted()).toEqual([0, 0, 1, 1]);
  }, 90_000);
});
