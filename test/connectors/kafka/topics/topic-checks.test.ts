import { describe, expect, onTestFinished, test } from 'vitest';
import type { KafkaCluster } from '../../../../connectors/kafka/topics/cluster.ts';
import { checkTopics, type TopicRole } from '../../../../connectors/kafka/topics/topic-checks.ts';
import { waitFor } from '../../../../ops/local-kafka/waiting.ts';
import { kafkaOptions, openTestCluster } from '../../../support/kafka/reading.ts';
import { sharedKafka } from '../../../support/kafka/shared.ts';

const kafka = await sharedKafka();
const hourMs = 3_600_000;

async function checker(topic: string, horizonMs = 0, role: TopicRole = 'events') {
  const options = kafkaOptions({ brokers: kafka.brokers, topics: [topic], group: 'any' });
  const cluster: KafkaCluster = await openTestCluster(options);
  onTestFinished(() => cluster.close());
  const checks = { cluster, topics: [{ topic, role }], controlGroup: 'ours', broker: 'kafka-1:9092', horizonMs };
  return () => checkTopics({ ...checks, now: Date.now() });
}

async function check(...given: Parameters<typeof checker>) {
  return (await checker(...given))();
}

const produceAt = (topic: string, time: number) =>
  kafka.produce(topic, [{ key: 'k', value: '{}', timestamp: String(time) }]);

describe.skipIf(!kafka.available)('a topic', () => {
  test.each([
    ['events', 'compact', 'refuse', 'only the newest event of each service is kept'],
    ['events', 'compact,delete', 'refuse', 'only the newest event'],
    ['control', 'compact', 'unready', 'a request is lost when another one'],
    ['status', 'compact', 'warn', 'only the last status of each request is kept'],
  ] as const)(
    'of %s with cleanup.policy=%s: %s, with the command that mends it',
    async (role, policy, weight, loss) => {
      const config = { 'cleanup.policy': policy, 'retention.ms': '-1' };
      const topic = await kafka.createTopic('compacted', { config });
      const { findings } = await check(topic, 0, role);
      const command = `kafka-configs.sh --bootstrap-server kafka-1:9092 --alter --entity-type topics --entity-name ${topic} --add-config cleanup.policy=delete`;
      expect(findings).toEqual([{ topic, kind: 'compacted', weight, sentence: expect.stringContaining(loss) }]);
      expect(findings[0]?.sentence).toContain(command);
    },
  );

  test.each([
    ['control', 'requests that are not served'],
    ['status', 'statuses that are not read'],
  ] as const)('of %s that keeps its records for less than a day gives a warning', async (role, what) => {
    const topic = await kafka.createTopic('brief', { config: { 'retention.ms': String(hourMs) } });
    expect((await check(topic, 0, role)).findings).toEqual([
      { topic, kind: 'short_retention', weight: 'warn', sentence: expect.stringContaining(what) },
    ]);
  });

  test('of control that another group has read gives a warning with its name, and one of ours gives none', async () => {
    const topic = await kafka.createTopic('shared', { config: { 'retention.ms': '-1' } });
    const other = kafka.uniqueTopic('other-service');
    // The first group of a new cluster has no coordinator yet.
    for (const group of [other, 'ours'])
      await waitFor(`an offset of ${group}`, () =>
        kafka.commitToGroup(group, topic, 0).then(
          () => true,
          () => null,
        ),
      );
    const checkAgain = await checker(topic, 0, 'control');
    // Each check asks some of the groups of the cluster, which other tests fill.
    const findings = await waitFor('the group to be asked', async () => {
      const found = await checkAgain();
      return found.findings.length > 0 ? found.findings : null;
    });
    expect(findings).toEqual([
      { topic, kind: 'shared', weight: 'warn', sentence: expect.stringContaining(`: ${other};`) },
    ]);
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
    expect(await check(topic, 1e12)).toEqual({ findings: [], failures: [], retentions: new Map() });
  });

  test('that keeps its records for less than the replay horizon gives a warning', async () => {
    const topic = await kafka.createTopic('short', { config: { 'retention.ms': String(24 * hourMs) } });
    expect((await check(topic, 48 * hourMs)).findings).toEqual([
      {
        topic,
        kind: 'retention_below_horizon',
        weight: 'warn',
        sentence: expect.stringMatching(/24 h.*less than the 48 h/),
      },
    ]);
    expect(await check(topic, 24 * hourMs)).toEqual({
      findings: [],
      failures: [],
      retentions: new Map([[topic, 24 * hourMs]]),
    });
  });

  const dayOfHourlySegments = { 'retention.ms': String(24 * hourMs), 'segment.ms': String(hourMs) };

  test('with expired records that Kafka has not deleted yet gives no warning', async () => {
    const topic = await kafka.createTopic('healthy', { partitions: 2, config: dayOfHourlySegments });
    // A topic that is two days old: its first segment stays until its youngest record has expired.
    await produceAt(topic, Date.now() - 24.9 * hourMs);
    await produceAt(topic, Date.now() - 24.1 * hourMs);
    await produceAt(topic, Date.now());
    expect((await check(topic)).findings).toEqual([]);
    const short = await kafka.createTopic('healthy-short', { config: { 'retention.ms': '1000' } });
    await produceAt(short, Date.now() - 60_000);
    expect((await check(short)).findings).toEqual([]);
  });

  test('with records that were older than the retention when they were written gives a warning', async () => {
    const topic = await kafka.createTopic('eaten', { config: dayOfHourlySegments });
    await produceAt(topic, Date.now() - 27 * hourMs);
    await produceAt(topic, Date.now());
    expect((await check(topic)).findings).toEqual([
      {
        topic,
        kind: 'near_retention',
        weight: 'warn',
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
    expect(await check(topic)).toEqual({ findings: [], failures: [], retentions: new Map() });
  });
});
