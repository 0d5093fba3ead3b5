import { describe, expect, test } from 'vitest';
import type { EventSource, LogRecord } from '../../../pipeline/ports.ts';
import {
  type Codec,
  canProduceFromJava,
  canProduceFromPython,
  type End,
  type ForeignRecord,
  produceFromJava,
  produceFromPython,
} from '../../support/kafka/foreign-producers.ts';
import { boundedKafkaSource, kafkaOptions } from '../../support/kafka/reading.ts';
import { sharedKafka } from '../../support/kafka/shared.ts';
import { readAll } from '../../support/reading.ts';

const kafka = await sharedKafka();
const codecs: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

const records: readonly ForeignRecord[] = Array.from({ length: 2_000 }, (_, index) => ({
  key: `k-${index}`,
  value: index % 7 === 0 ? null : `{"index":${index},"filler":"${'é'.repeat(index % 50)}"}`,
  headers: { first: `h${index}`, '2': 'second', '1': 'third' },
  timestamp: 1_700_000_000_000 + index,
}));

function sourceOf(topic: string): EventSource {
  return boundedKafkaSource(
    kafkaOptions({ brokers: kafka.brokers, topics: [topic], group: kafka.uniqueTopic('group') }),
  );
}

async function readBack(topic: string): Promise<readonly LogRecord[]> {
  return (await readAll(sourceOf(topic))).flatMap(batch => batch.records);
}

/** A read record in the form in which it was given to the producer. */
function asGiven({ key, value, headers, timestamp }: LogRecord): ForeignRecord {
  const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString());
  return {
    key: text(key),
    value: text(value),
    headers: Object.fromEntries(headers.map(({ name, value: of }) => [name, text(of) ?? ''])),
    timestamp: timestamp ?? -1,
  };
}

describe.skipIf(!kafka.available || !(await canProduceFromJava()))("records of Kafka's Java producer", () => {
  test.each(codecs)('compressed with %s are read as they were written', async codec => {
    const topic = await kafka.createTopic(`java-${codec}`);
    await produceFromJava({ brokers: kafka.brokers, topic, codec }, records);
    expect((await readBack(topic)).map(asGiven)).toEqual(records);
  });

  test('in transactions are read when committed and left out when aborted, and the offset moves past both', async () => {
    const topic = await kafka.createTopic('transactions');
    const of = (name: string, end: End['end'], count: number): readonly (ForeignRecord | End)[] => [
      ...Array.from({ length: count }, (_, index) => ({ key: name, value: `${name}-${index}` })),
      { end },
    ];
    const settings = { 'transactional.id': kafka.uniqueTopic('transactional') };
    const lines = [
      of('a', 'commit', 10),
      of('b', 'abort', 400),
      of('c', 'commit', 3),
      of('d', 'abort', 5),
      of('e', 'commit', 1),
      of('f', 'abort', 2),
    ];
    await produceFromJava({ brokers: kafka.brokers, topic, settings }, lines.flat());
    const batches = await readAll(sourceOf(topic));
    const values = batches.flatMap(batch => batch.records.map(({ value }) => String(value)));
    expect(values).toEqual([...Array.from({ length: 10 }, (_, index) => `a-${index}`), 'c-0', 'c-1', 'c-2', 'e-0']);
    const [end] = await kafka.offsets(topic);
    expect(batches.at(-1)?.next.nextOffset).toBe(end!.high);
  });

  test('in aborted transactions only are left out, and the position moves to the end', async () => {
    const topic = await kafka.createTopic('aborted');
    const settings = { 'transactional.id': kafka.uniqueTopic('transactional') };
    const aborted: readonly (ForeignRecord | End)[] = [{ key: 'a', value: 'x' }, { end: 'abort' }];
    await kafka.produce(topic, [{ key: 'k', value: 'first' }]);
    await produceFromJava({ brokers: kafka.brokers, topic, settings }, [...aborted, ...aborted, ...aborted]);
    const batches = await readAll(sourceOf(topic));
    expect(batches.flatMap(batch => batch.records.map(({ value }) => String(value)))).toEqual(['first']);
    expect(batches.at(-1)?.next.nextOffset).toBe((await kafka.offsets(topic))[0]!.high);
  });

  test('are read also when 250,000 tiny ones come in batches of many thousands', async () => {
    const topic = await kafka.createTopic('tiny');
    const settings = { 'batch.size': '4000000', 'linger.ms': '200', 'max.request.size': '8000000' };
    const tiny = Array.from({ length: 250_000 }, () => ({ key: 'k', value: '1' }));
    await produceFromJava({ brokers: kafka.brokers, topic, codec: 'lz4', settings }, tiny);
    const read = await readBack(topic);
    expect(read).toHaveLength(250_000);
    expect(read.at(-1)?.offset).toBe(249_999);
  });
});

describe.skipIf(!kafka.available || !(await canProduceFromPython()))('records of librdkafka', () => {
  test.each(codecs)('compressed with %s are read as they were written', async codec => {
    const topic = await kafka.createTopic(`python-${codec}`);
    await produceFromPython({ brokers: kafka.brokers, topic, codec }, records);
    expect((await readBack(topic)).map(asGiven)).toEqual(records);
  });
});

describe.skipIf(!kafka.available)('records of every size', () => {
  test('are read: one of 10 MB between small ones', async () => {
    const topic = await kafka.createTopic('large', { config: { 'max.message.bytes': '12000000' } });
    const large = 'x'.repeat(10_000_000);
    for (const value of ['before', large, 'after']) await kafka.produce(topic, [{ key: 'k', value }]);
    expect((await readBack(topic)).map(({ value }) => value?.length)).toEqual([6, 10_000_000, 5]);
  });
});
