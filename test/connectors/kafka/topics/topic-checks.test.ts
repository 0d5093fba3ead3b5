import { describe, expect, onTestFinished, test } from 'vitest';
import type { KafkaCluster } from '../../../../connectors/kafka/topics/cluster.ts';
import { checkTopics } from '../../../../connectors/kafka/topics/topic-checks.ts';
import { kafkaOptions, openTestCluster } from '../../../support/kafka/reading.ts';
import { sharedKafka } from '../../../support/kafka/shared.ts';

const kafka = await sharedKafka();
const hourMs = 3_600_000;

async function check(topic: string, horizonMs = 0) {
  const options = kafkaOptions({ brokers: kafka.brokers, topics: [topic], group: 'any' });
  const cluster: KafkaCluster = await openTestCluster(options);
  onTestFinished(() => cluster.close());
  return checkTopics({ cluster, topics: [topic], horizonMs, now: Date.now() });
}

const produceAt = (topic: string, time: number) =>
  kafka.produce(topic, [{ key: 'k', value: '{}', timestamp: String(time) }]);

describe.skipIf(!kafka.available)('a topic', () => {
  test.each(['compact', 'compact,delete'])('with cleanup.policy=%s is refused', async policy => {
    const topic = await kafka.createTopic('compacted', { config: { 'cleanup.policy': policy } });
    await expect(check(topic)).rejects.toMatchObject({
      code: 'TOPIC_UNFIT',
      message: expect.stringMatching(
        /cleanup\.policy=compact.*keeps only the newest record of each key.*allowed is delete/,
      ),
    });
  });

  test('that does not exist is refused by its name', async () => {
    await expect(check('nowhere-to-be-found')).rejects.toMatchObject({
      code: 'TOPIC_UNFIT',
      message: expect.stringMatching(/nowhere-to-be-found.*no such topic.*create it/),
    });
  });

  test('that keeps its records for ever gives no warning', async () => {
    const topic = await kafka.createTopic('for-ever', { config: { 'retention.ms': '-1' } });
    await produceAt(topic, Date.parse('2010-08-05T00:00:00Z'));
    expect(await check(topic, 1e12)).toEqual({ warnings: [], retentions: new Map() });
  });

  test('that keeps its records for less than the replay horizon gives a warning', async () => {
    const topic = await kafka.createTopic('short', { config: { 'retention.ms': String(24 * hourMs) } });
    expect((await check(topic, 48 * hourMs)).warnings).toEqual([
      { topic, kind: 'retention_below_horizon', sentence: expect.stringMatching(/24 h.*less than the 48 h/) },
    ]);
    expect(await check(topic, 24 * hourMs)).toEqual({ warnings: [], retentions: new Map([[topic, 24 * hourMs]]) });
  });

  const dayOfHourlySegments = { 'retention.ms': String(24 * hourMs), 'segment.ms': String(hourMs) };

  test('with expired records that Kafka has not deleted yet gives no warning', async () => {
    const topic = await kafka.createTopic('healthy', { partitions: 2, config: dayOfHourlySegments });
    // A topic that is two days old: its first segment stays until its youngest record has expired.
    await produceAt(topic, Date.now() - 24.9 * hourMs);
    await produceAt(topic, Date.now() - 24.1 * hourMs);
    await produceAt(topic, Date.now());
    expect((await check(topic)).warnings).toEqual([]);
    const short = await kafka.createTopic('healthy-short', { config: { 'retention.ms': '1000' } });
    await produceAt(short, Date.now() - 60_000);
    expect((await check(short)).warnings).toEqual([]);
  });

  test('with records that were older than the retention when they were written gives a warning', async () => {
    const topic = await kafka.createTopic('eaten', { config: dayOfHourlySegments });
    await produceAt(topic, Date.now() - 27 * hourMs);
    await produceAt(topic, Date.now());
    expect((await check(topic)).warnings).toEqual([
      {
        topic,
        kind: 'near_retention',
        sentence: expect.stringMatching(
          /records of partition 0 were already older than that when they were written.*raise retention\.ms/,
        ),
      },
    ]);
  });

  test('whose broker sets the timestamps gives no such warning', async () => {
    const topic = await kafka.createTopic('append-time', {
      config: { ...dayOfHourlySegments, 'message.timestamp.type': 'LogAppendTime' },
    });
    await produceAt(topic, Date.now() - 27 * hourMs);
    expect(await check(topic)).toEqual({ warnings: [], retentions: new Map() });
  });
});
