import { describe, expect, onTestFinished, test } from 'vitest';
import { KafkaSource } from '../../connectors/kafka/kafka-source.ts';
import { ingest } from '../../pipeline/ingest/ingest.ts';
import type { FoldedBatch, Warehouse } from '../../pipeline/ingest/warehouse.ts';
import { EventLoad } from '../support/kafka/load.ts';
import { accountsOf, readLog } from '../support/kafka/read-log.ts';
import { boundedKafkaSource, kafkaOptions, LogLines, openTestCluster } from '../support/kafka/reading.ts';
import { sharedKafka } from '../support/kafka/shared.ts';
import { chosenSeed } from '../support/random.ts';
import { listed, storedRows } from '../support/reference-fold.ts';
import { openTestStore } from '../support/store.ts';

const kafka = await sharedKafka();

/** The same warehouse, which is reached only after a while: what a frozen process has in hand when it thaws. */
function delayed(warehouse: Warehouse) {
  let thaw = (): void => undefined;
  let arrive = (_: FoldedBatch): void => undefined;
  const thawed = new Promise<void>(resolve => {
    thaw = resolve;
  });
  const inHand = new Promise<FoldedBatch>(resolve => {
    arrive = resolve;
  });
  const store = async (batch: FoldedBatch): Promise<readonly string[]> => {
    arrive(batch);
    await thawed;
    return warehouse.store(batch);
  };
  const positions = () => warehouse.positions();
  return { warehouse: { positions, beginReading: positions, store }, inHand, thaw };
}

describe.skipIf(!kafka.available)('a batch of a reader that was frozen', () => {
  const seed = chosenSeed();

  test(`is refused by the database when another reader has stored later records, even if Kafka still assigns the partition (seed ${seed})`, async () => {
    const topic = await kafka.createTopic('stale');
    await kafka.produce(topic, new EventLoad({ topic, partitions: 1, services: 50, seed }).next(2_000));
    // Fixed partitions: the group would let both of them read for ever.
    const options = kafkaOptions({
      brokers: kafka.brokers,
      topics: [topic],
      group: kafka.uniqueTopic('group'),
      partitions: [0],
      batchRecords: 100,
    });
    const running = {
      keyFormat: 'string',
      clock: { now: Date.now },
      signal: AbortSignal.timeout(60_000),
    } as const;
    const store = await openTestStore();

    const cluster = await openTestCluster(options);
    onTestFinished(() => cluster.close());
    const frozen = delayed(store.warehouse);
    const reading = ingest(new KafkaSource(cluster, options, new LogLines()), frozen.warehouse, running);
    reading.catch(() => undefined);
    expect((await frozen.inHand).facts.from).toBe(0);

    await ingest(boundedKafkaSource({ ...options, batchRecords: 130 }), store.warehouse, running);
    frozen.thaw();
    await expect(reading).rejects.toMatchObject({
      code: 'STALE_BATCH',
      message: expect.stringMatching(/^a batch \[0, 100\) of \S+\/0 was refused: the stored offset is 2000$/),
    });

    const wanted = accountsOf(await readLog(kafka, topic));
    expect(listed(await storedRows(sql => store.rows(sql)))).toEqual(wanted.rows);
    const counts = 'SELECT partition, next_offset, applied, quarantined FROM partitions';
    const [{ partition, nextOffset, applied, quarantined }] = wanted.partitions as [(typeof wanted.partitions)[0]];
    expect((await store.rows(counts))[0]?.map(Number)).toEqual([partition, nextOffset, applied, quarantined]);
  });
});
