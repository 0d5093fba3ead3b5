import { describe, expect, onTestFinished, test } from 'vitest';
import type { KafkaOptions } from '../../../connectors/kafka/client/options.ts';
import { KafkaSource } from '../../../connectors/kafka/kafka-source.ts';
import { PartitionReading } from '../../../connectors/kafka/reading/partition-reading.ts';
import { RecordTable } from '../../../connectors/kafka/records/packed-records.ts';
import type { KafkaCluster } from '../../../connectors/kafka/topics/cluster.ts';
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
  const look = cluster.look.bind(cluster);
  cluster.look = async () => {
    const seen = await look();
    await kafka.withAdmin(async admin => {
      await admin.fetchTopicMetadata({ topics: [topic] });
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '4' }] });
    });
    return seen;
  };
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  for await (const batch of new KafkaSource(cluster, options, new LogLines()).read([], stop.signal)) return batch;
  return undefined;
}

describe.skipIf(!kafka.available)(
  'records that Kafka deleted after reading began and before the first was read',
  () => {
    test('stop the reading, and the error names the offsets', async () => {
      await expect(firstBatch('stop')).rejects.toMatchObject({
        code: 'RECORDS_LOST',
        message: expect.stringContaining('/0: the next offset to read is 0, but the log now begins at 4'),
      });
    });

    test('are reported as a gap with the policy skip', async () => {
      expect(await firstBatch('skip')).toMatchObject({ from: 4, lost: { from: 0, to: 4 }, records: { length: 6 } });
    });
  },
);

/** A source that reads nothing. The test sets what the group assigns and where the log begins. */
function idleSource() {
  const log = { low: 3 };
  const listeners = new Map<string, (event: object) => void>();
  const starts: number[] = [];
  let run = (): void => undefined;
  const running = new Promise<void>(resolve => {
    run = resolve;
  });
  const consumer = {
    events: { GROUP_JOIN: 'join', CRASH: 'crash' },
    on: (event: string, listener: (event: object) => void) => void listeners.set(event, listener),
    connect: async () => undefined,
    subscribe: async () => undefined,
    run: async () => run(),
    seek: ({ offset }: { readonly offset: string }) => void starts.push(Number(offset)),
    disconnect: async () => undefined,
  };
  const cluster = {
    clusterId: 'c',
    kafka: { consumer: () => consumer },
    look: async () => ({
      ends: [{ partition: { topic: 't', partition: 0 }, low: log.low, stable: 10, high: 10 }],
      topics: new Map([['t', { id: 'id', partitions: 1 }]]),
    }),
  } as unknown as KafkaCluster;
  const options = kafkaOptions({ brokers: [], topics: ['t'], group: 'g' });
  const source = new KafkaSource(cluster, options, new LogLines());
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  void source.read([], stop.signal).next();
  const assign = (...partitions: readonly number[]): void =>
    listeners.get('join')!({ payload: { memberAssignment: { t: partitions }, memberId: 'm' } });
  return { log, source, starts, assign, running };
}

test('records deleted while a partition is assigned and unread count as lost also after a new assignment; those deleted while another member had it do not', async () => {
  const { log, source, starts, assign, running } = idleSource();
  await running;
  assign(0);
  expect(starts, 'records deleted before the assignment are not lost').toEqual([3]);
  log.low = 8;
  await source.look();
  assign(0);
  expect(starts, 'offsets 3 to 7 were deleted after the assignment').toEqual([3, 3]);
  assign();
  await source.look();
  assign(0);
  expect(starts, 'another member had the partition').toEqual([3, 3, 8]);
});

test('a partition that is assigned again before anything was read begins where the log begins by then', () => {
  const reading = new PartitionReading({ topic: 't', partition: 0 }, { cluster: 'c', topicId: null }, undefined);
  const starts = (low: number) => [reading.assign(low), reading.position];
  expect([starts(3), starts(8)]).toEqual([
    [3, 3],
    [8, 8],
  ]);
  const fetched = { records: new RecordTable().records(), from: 8, nextOffset: 9, logStart: 8, high: 9, damage: null };
  for (const batch of reading.cut(fetched, { batchRecords: 1, batchBytes: 1 })) reading.advance(batch);
  expect(starts(20)).toEqual([9, 9]);
});
