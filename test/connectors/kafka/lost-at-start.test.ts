import { describe, expect, onTestFinished, test } from 'vitest';
import { KafkaSource } from '../../../connectors/kafka/kafka-source.ts';
import type { KafkaOptions } from '../../../connectors/kafka/options.ts';
import { PartitionReading } from '../../../connectors/kafka/partition-reading.ts';
import type { RecordBatch } from '../../../pipeline/ports.ts';
import { kafkaOptions, LogLines, openTestCluster } from '../../support/kafka/reading.ts';
import { sharedKafka } from '../../support/kafka/shared.ts';

const kafka = await sharedKafka();

/** Reads the first batch of a topic whose first 4 of 10 records are deleted after reading has begun. */
async function firstBatch(onLostRecords: KafkaOptions['onLostRecords']): Promise<RecordBatch | undefined> {
  const topic = await kafka.createTopic('deleted-at-start');
  await kafka.produce(
    topic,
    Array.from({ length: 10 }, (_, at) => ({ key: `k${at}`, value: `v${at}`, partition: 0 })),
  );
  const group = kafka.uniqueTopic('group');
  const options = kafkaOptions({ brokers: kafka.brokers, topics: [topic], group, onLostRecords });
  const cluster = await openTestCluster(options);
  onTestFinished(() => cluster.close());
  const look = cluster.ends.bind(cluster);
  cluster.ends = async () => {
    const ends = await look();
    await kafka.withAdmin(async admin => {
      await admin.fetchTopicMetadata({ topics: [topic] });
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '4' }] });
    });
    return ends;
  };
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  for await (const batch of new KafkaSource(cluster, options, new LogLines()).read([], stop.signal)) return batch;
  return undefined;
}

describe.skipIf(!kafka.available)(
  'records that Kafka deleted after reading began and before the first was read',
  () => {
    test('stop us with the offsets in words', async () => {
      await expect(firstBatch('stop')).rejects.toMatchObject({
        code: 'RECORDS_LOST',
        message: expect.stringContaining('/0: 0 was to be read next, but the log now begins at 4'),
      });
    });

    test('or by policy are a gap that is told', async () => {
      expect(await firstBatch('skip')).toMatchObject({ from: 4, lost: { from: 0, to: 4 }, records: { length: 6 } });
    });
  },
);

test('a partition that comes back, of which nothing was ever read, begins where the log does by then', () => {
  const reading = new PartitionReading({ topic: 't', partition: 0 }, { cluster: 'c', topicId: null }, undefined);
  const starts = (low: number) => [reading.assign(low), reading.position];
  expect([starts(3), starts(8)]).toEqual([
    [3, 3],
    [8, 8],
  ]);
  const fetched = { records: [], from: 8, nextOffset: 9, logStart: 8, high: 9 };
  for (const batch of reading.cut(fetched, { batchRecords: 1, batchBytes: 1 })) reading.advance(batch);
  expect(starts(20)).toEqual([9, 9]);
});
