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

describe.skipIf(!kafka.available)('how a topic keeps its records', () => {
  test.each(['compact', 'compact,delete'])('cleanup.policy=%s is refused in words', async policy => {
    const topic = await kafka.createTopic('compacted', { config: { 'cleanup.policy': policy } });
    await expect(check(topic)).rejects.toMatchObject({
      code: 'TOPIC_UNFIT',
      message: expect.stringMatching(/cleanup\.policy=compact.*keeps one record a key.*allowed is delete/),
    });
  });

  test('a topic that is not there is refused by its name', async () => {
    await expect(check('nowhere-to-be-found')).rejects.toMatchObject({
      code: 'TOPIC_UNFIT',
      message: expect.stringMatching(/nowhere-to-be-found.*no such topic.*create it/),
    });
  });

  test('for ever is nothing to warn of', async () => {
    const topic = await kafka.createTopic('for-ever', { config: { 'retention.ms': '-1' } });
    await produceAt(topic, Date.parse('2010-08-05T00:00:00Z'));
    expect(await check(topic, 1e12)).toEqual({ warnings: [], retentions: new Map() });
  });

  test('for less than the replay horizon is warned of', async () => {
    const topic = await kafka.createTopic('short', { config: { 'retention.ms': String(24 * hourMs) } });
    expect((await check(topic, 48 * hourMs)).warnings).toEqual([
      { topic, kind: 'retention_below_horizon', sentence: expect.stringMatching(/24 h.*less than the 48 h/) },
    ]);
    expect(await check(topic, 24 * hourMs)).toEqual({ warnings: [], retentions: new Map([[topic, 24 * hourMs]]) });
  });

  const dayOfHourlySegments = { 'retention.ms': String(24 * hourMs), 'segment.ms': String(hourMs) };

  test('records that Kafka has not come to delete yet are no reason to warn', async () => {
    const topic = await kafka.createTopic('healthy', { partitions: 2, config: dayOfHourlySegments });
    // What a topic holds that is two days old: its first segment goes when the last of its records is old enough.
    await produceAt(topic, Date.now() - 24.9 * hourMs);
    await produceAt(topic, Date.now() - 24.1 * hourMs);
    await produceAt(topic, Date.now());
    expect((await check(topic)).warnings).toEqual([]);
    const short = await kafka.createTopic('healthy-short', { config: { 'retention.ms': '1000' } });
    await produceAt(short, Date.now() - 60_000);
    expect((await check(short)).warnings).toEqual([]);
  });

  test('a retention that eats the old times of its records is warned of', async () => {
    const topic = await kafka.createTopic('eaten', { config: dayOfHourlySegments });
    await produceAt(topic, Date.now() - 27 * hourMs);
    await produceAt(topic, Date.now());
    expect((await check(topic)).warnings).toEqual([
      {
        topic,
        kind: 'near_retention',
        sentence: expect.stringMatching(
          /records of partition 0 were older than that when they came.*raise retention\.ms/,
        ),
      },
    ]);
  });

  test('but not where the broker sets the times', async () => {
    const topic = await kafka.createTopic('append-time', {
      config: { ...dayOfHourlySegments, 'message.timestamp.type': 'LogAppendTime' },
    });
    await produceAt(topic, Date.now() - 27 * hourMs);
    expect(await check(topic)).toEqual({ warnings: [], retentions: new Map() });
  });
});
