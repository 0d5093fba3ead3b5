import { describe, expect, onTestFinished, test } from 'vitest';
import { StatusTopic } from '../../../connectors/kafka/status-topic.ts';
import type { OutboxEntry } from '../../../pipeline/requests/statuses.ts';
import { boundedKafkaSource, kafkaOptions, LogLines, noSecurity } from '../../support/kafka/reading.ts';
import { sharedKafka } from '../../support/kafka/shared.ts';

const kafka = await sharedKafka();

const entry = (number: number, requestId: string, status = `{"n":${number}}`): OutboxEntry => ({
  number,
  requestId,
  status,
});

function opened(topic: string, brokers = kafka.brokers) {
  const log = new LogLines();
  const statuses = new StatusTopic({ brokers, security: noSecurity, topic, encode: async status => status }, log);
  onTestFinished(() => statuses.close());
  return { statuses, log };
}

async function contentOf(topic: string): Promise<readonly string[]> {
  const source = boundedKafkaSource(
    kafkaOptions({ brokers: kafka.brokers, topics: [topic], group: kafka.uniqueTopic('g') }),
  );
  const found: string[] = [];
  for await (const { partition, records } of source.read([], new AbortController().signal))
    found.push(...Array.from(records, ({ key, value }) => `${partition.partition} ${key} ${value}`));
  return found;
}

describe.skipIf(!kafka.available)('the status topic', () => {
  test('holds the statuses of a request in one partition, in their order', async () => {
    const topic = await kafka.createTopic('statuses', { partitions: 3 });
    const { statuses, log } = opened(topic);
    await statuses.send([entry(1, 'a'), entry(2, 'b'), entry(3, 'a')]);
    await statuses.send([entry(4, 'a')]);
    const found = await contentOf(topic);
    expect(found.filter(line => line.includes(' a ')).map(line => line.slice(1))).toEqual([
      ' a {"n":1}',
      ' a {"n":3}',
      ' a {"n":4}',
    ]);
    expect(new Set(found.filter(line => line.includes(' a ')).map(line => line.charAt(0))).size).toBe(1);
    expect(found).toHaveLength(4);
    expect(log.lines.filter(({ level }) => level !== 'debug')).toEqual([]);
  });

  test('refuses a status that is too large, and takes the next one', async () => {
    const topic = await kafka.createTopic('small', { config: { 'max.message.bytes': '1000' } });
    const { statuses } = opened(topic);
    await statuses.send([entry(1, 'a')]);
    const large = entry(2, 'a', JSON.stringify({ text: 'x'.repeat(2_000) }));
    await expect(statuses.send([large])).rejects.toMatchObject({
      code: 'STATUS_TOO_LARGE',
      message: expect.stringContaining(topic),
    });
    await statuses.send([entry(3, 'a')]);
    expect(await contentOf(topic)).toEqual(['0 a {"n":1}', '0 a {"n":3}']);
  });

  test('throws a temporary error while no broker answers', async () => {
    const { statuses } = opened('any', ['127.0.0.1:1']);
    await expect(statuses.send([entry(1, 'a')])).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE', retry: true });
  });
});
