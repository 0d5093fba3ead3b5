import { describe, expect, test } from 'vitest';
import { canProduceFromJava, produceFromJava } from '../support/kafka/foreign-producers.ts';
import { sharedKafka } from '../support/kafka/shared.ts';
import { Service, servingOf } from '../support/service.ts';
import { queryDatabase } from '../support/tables.ts';

const kafka = await sharedKafka();
const records = process.env.SOAK ? 5_000_000 : 60_000;
/** So many a program that produces; it makes batches of many thousands. */
const atOnce = Math.min(records, 250_000);
const largeBatches = { 'batch.size': '4000000', 'linger.ms': '200', 'max.request.size': '8000000' };
const services = 1_000;

describe.skipIf(!kafka.available || !(await canProduceFromJava()))('a service', () => {
  test(`reads ${records} tiny records, in batches of many thousands, between records of 10 MB`, {
    timeout: 60_000 + records / 4,
  }, async () => {
    const topic = await kafka.createTopic('volume', { partitions: 2, config: { 'max.message.bytes': '20000000' } });
    const large = `{"event":"service.started","service_id":"large","extensions":{"filler":"${'x'.repeat(10_000_000)}"}}`;
    const tiny = Array.from({ length: services }, (_, id) => ({
      partition: 0,
      value: `{"event":"service.associated","service_id":"${id}","customer_id":1}`,
    }));
    for (let produced = 0; produced < records; produced += atOnce) {
      const these = Array.from({ length: atOnce }, (_, index) => tiny[index % services]!);
      await produceFromJava({ brokers: kafka.brokers, topic, codec: 'gzip', settings: largeBatches }, these);
      await kafka.produce(topic, [{ partition: 1, value: large }]);
    }

    const service = new Service(await servingOf(kafka, topic));
    await service.reachesOffsets(await kafka.offsets(topic), 60_000 + records / 4);
    expect(await service.stop()).toMatchObject({ code: 0, stderr: '' });
    const [counts, [rows]] = await queryDatabase(service.db, async query => [
      await query('SELECT records_read, applied FROM partitions WHERE partition = 0'),
      await query('SELECT count(*), max(length(extensions::VARCHAR)) > 10000000 FROM services'),
    ]);
    expect(counts).toEqual([[String(records), String(records)]]);
    expect(rows).toEqual([String(services + 1), true]);
  });
});
