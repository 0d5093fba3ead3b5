import { describe, expect, test } from 'vitest';
import {
  type Codec,
  canProduceFromJava,
  canProduceFromPython,
  type ForeignRecord,
  produceAvroFromPython,
  produceFromJava,
  produceFromPython,
} from '../../support/kafka/foreign-producers.ts';
import { sharedKafka, sharedRegistry } from '../../support/kafka/shared.ts';

const kafka = await sharedKafka();
const registry = await sharedRegistry();
const codecs: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
const records: readonly ForeignRecord[] = [
  ...Array.from({ length: 500 }, (_, index) => ({ key: `k${index}`, value: `{"number":${index}}`, timestamp: 1_000 })),
  { keyBase64: 'AAH/', valueBase64: 'AAH/', headers: { name: 'value' }, partition: 0 },
  { key: 'gone', value: null },
];

const total = async (topic: string) => (await kafka.offsets(topic)).reduce((sum, { high }) => sum + high, 0);

describe.skipIf(!kafka.available || !(await canProduceFromJava()))("Kafka's Java producer", () => {
  test.each(codecs)('codec %s: all records arrive', async codec => {
    const topic = await kafka.createTopic(`java-${codec}`, { partitions: 2 });
    expect(await produceFromJava({ brokers: kafka.brokers, topic, codec }, records)).toBe(records.length);
    expect(await total(topic)).toBe(records.length);
  });

  test('committed and aborted transactions leave their markers in the log', async () => {
    const topic = await kafka.createTopic('transactions');
    const settings = { 'transactional.id': topic };
    const lines = [{ value: 'a' }, { end: 'commit' }, { value: 'b' }, { value: 'c' }, { end: 'abort' }] as const;
    await produceFromJava({ brokers: kafka.brokers, topic, settings }, lines);
    expect(await total(topic)).toBe(3 + 2);
  });
});

describe.skipIf(!kafka.available || !(await canProduceFromPython()))("Confluent's Python producer", () => {
  test.each(codecs)('codec %s: all records arrive', async codec => {
    const topic = await kafka.createTopic(`python-${codec}`, { partitions: 2 });
    expect(await produceFromPython({ brokers: kafka.brokers, topic, codec }, records)).toBe(records.length);
    expect(await total(topic)).toBe(records.length);
  });

  test.skipIf(!registry.available)('Avro arrives, and its schema is in the registry', async () => {
    const topic = await kafka.createTopic('avro');
    const schema = JSON.stringify({ type: 'record', name: 'Number', fields: [{ name: 'number', type: 'long' }] });
    const target = { brokers: kafka.brokers, topic, registry: registry.url, schema };
    expect(await produceAvroFromPython(target, [{ key: 'k', value: { number: 7 } }])).toBe(1);
    expect(await total(topic)).toBe(1);
    const latest = await fetch(`${registry.url}/subjects/${topic}-value/versions/latest`);
    expect(await latest.json()).toMatchObject({ version: 1 });
  });
});
