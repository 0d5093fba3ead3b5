import { describe, expect, onTestFinished, test } from 'vitest';
import { waitFor } from '../../ops/local-kafka/waiting.ts';
import type { Manifest } from '../../pipeline/export/manifest.ts';
import { tidemarkDoneHere } from '../support/in-process.ts';
import { sharedKafka } from '../support/kafka/shared.ts';
import { Service, servingOf } from '../support/service.ts';
import { TestStore } from '../support/store.ts';
import { queryDatabase } from '../support/tables.ts';

const kafka = await sharedKafka();

const event = (kind: string, service_id: string, partition = 0) => ({
  partition,
  key: service_id,
  value: JSON.stringify({ event: kind, service_id, timestamp: new Date().toISOString() }),
});
const started = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => event('service.started', `s${from + index}`));

/** What an export of the database says, without a service, of a window that ends at a time. */
async function judged({ db }: Service, to: number): Promise<Pick<Manifest, 'status' | 'reasons'>> {
  const times = ['--time-from', '2026-01-01T00:00:00Z', '--time-to', new Date(to).toISOString()];
  const places = ['--db', db, '--export-root', `${db}.out`, '--file-prefix', 'x_', '--clock-lateness-ms', '0'];
  return JSON.parse(await tidemarkDoneHere(['export', ...places, ...times, '--json']));
}

describe.skipIf(!kafka.available)('a running service', () => {
  test('warns of retention, commits to its group, reads an added partition, and ends when its topic is recreated', async () => {
    const topic = await kafka.createTopic('eventful', { config: { 'retention.ms': '3600000' } });
    await kafka.produce(topic, started(0, 5));
    const place = await servingOf(kafka, topic, '--kafka-replay-horizon-hours', '48');
    const service = new Service(place);
    await service.reachesOffsets([{ partition: 0, high: 5 }]);
    expect(await service.metrics()).toContain(
      `tidemark_topic_warning{topic="${topic}",kind="retention_below_horizon"} 1`,
    );

    await kafka.withAdmin(async admin => {
      await waitFor('the group to be told', async () => {
        const [told] = await admin.fetchOffsets({ groupId: place.group, topics: [topic] });
        return told?.partitions.find(({ partition }) => partition === 0)?.offset === '5' ? true : null;
      });
      await admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] });
    });
    await kafka.produce(topic, [event('service.completed', 's0', 1)]);
    await service.reachesOffsets([{ partition: 1, high: 1 }]);

    await kafka.withAdmin(async admin => {
      await admin.deleteTopics({ topics: [topic] });
      await waitFor('the topic to be gone', async () => ((await admin.listTopics()).includes(topic) ? null : true));
    });
    await kafka.createNamed(topic, { partitions: 2 });
    await kafka.produce(topic, started(100, 150));
    // It may look just when there is no topic, which ends it too; whoever starts it again is told the rest.
    const ended = await service.ended;
    expect([65, 78]).toContain(ended.code);
    const told = ended.code === 65 ? ended : await new Service(place).ended;
    expect(told).toMatchObject({
      code: 65,
      stderr: expect.stringMatching(/topic \S+ was recreated.*\[SOURCE_CHANGED\]/),
    });

    const { status, reasons } = await judged(service, Date.now());
    expect(status).toBe('provisional');
    expect(reasons.join('\n')).toMatch(new RegExp(`${topic}/0: .*its log has changed: topic \\S+ was recreated`));

    const store = await TestStore.open(service.db);
    onTestFinished(() => store.close());
    const { splitServices } = await store.exported('services', { timeFrom: 0, timeTo: Date.now() + 60_000 });
    expect(splitServices).toBe(1);
    expect(await store.rows('SELECT count(*) FROM services')).toEqual([['5']]);
  });

  test('warns when old events are written to a topic with a retention of one day', async () => {
    const config = { 'retention.ms': '86400000', 'segment.ms': '3600000' };
    const topic = await kafka.createTopic('replayed', { config });
    // Yesterday's: older than a day, and in the log until Kafka looks again, but nothing to warn of.
    const yesterday = String(Date.now() - 88_000_000);
    await kafka.produce(topic, [{ ...event('service.started', 's0'), timestamp: yesterday }, ...started(1, 5)]);
    const service = new Service(await servingOf(kafka, topic));
    await service.reaches('its end to be seen', ({ partitions }) => partitions[0]?.log_end === 5);
    expect(await service.metrics()).not.toContain('tidemark_topic_warning{');
    const lastMonth = String(Date.now() - 30 * 86_400_000);
    await kafka.produce(topic, [{ ...event('service.started', 's5'), timestamp: lastMonth }]);
    await service.reachesOffsets([{ partition: 0, high: 6 }]);
    expect(await service.metrics()).toContain(`tidemark_topic_warning{topic="${topic}",kind="near_retention"} 1`);
    await service.line(/keeps its records for 24 h.*offset 5 of partition 0 was already older when it was written/);
  });

  test('whose topic is deleted ends, and the error names the topic', async () => {
    const topic = await kafka.createTopic('deleted');
    await kafka.produce(topic, started(0, 5));
    const service = new Service(await servingOf(kafka, topic));
    await service.reachesOffsets([{ partition: 0, high: 5 }]);
    await kafka.withAdmin(admin => admin.deleteTopics({ topics: [topic] }));
    expect(await service.ended).toMatchObject({
      code: 78,
      stderr: expect.stringMatching(new RegExp(`${topic}.*no such topic.*\\[TOPIC_UNFIT\\]`)),
    });
  });

  test('stops at lost records, or with the policy skip counts them and continues', async () => {
    const topic = await kafka.createTopic('lost');
    await kafka.produce(topic, started(0, 10));
    const place = await servingOf(kafka, topic);
    const first = new Service(place);
    await first.reachesOffsets([{ partition: 0, high: 10 }]);
    expect(await first.stop()).toMatchObject({ code: 0 });
    await kafka.produce(topic, started(10, 40));
    await kafka.withAdmin(async admin => {
      await admin.fetchTopicMetadata({ topics: [topic] });
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '25' }] });
    });

    expect(await new Service(place).ended).toMatchObject({
      code: 65,
      stderr: expect.stringMatching(/the next offset to read is 10, but the log now begins at 25.*\[RECORDS_LOST\]/),
    });
    const second = new Service({ ...place, flags: ['--kafka-on-lost-records', 'skip'] });
    await second.reachesOffsets([{ partition: 0, high: 40 }]);
    expect(await second.metrics()).toContain(`tidemark_records_lost_total{topic="${topic}",partition="0"} 15`);
    expect(await second.stop()).toMatchObject({ code: 0 });
    const lost = await queryDatabase(second.db, query => query('SELECT from_offset, to_offset FROM gaps'));
    expect(lost).toEqual([['10', '25']]);
    const { status, reasons } = await judged(second, Date.now());
    expect(status).toBe('provisional');
    expect(reasons.join('\n')).toContain(`${topic}/0: 15 offsets from 10 on were lost`);
  });

  test('records what its last look found as it stops: a window is complete without the service (contract 4.23)', async () => {
    const topic = await kafka.createTopic('looked');
    const service = new Service(await servingOf(kafka, topic, '--clock-lateness-ms', '0'));
    await kafka.produce(topic, started(0, 5));
    await service.reachesOffsets([{ partition: 0, high: 5 }]);
    const end = Date.now();
    // A look after the window's end, less than a minute after the last one that was recorded.
    await service.reaches('a look after it', ({ partitions }) => Date.parse(partitions[0]?.watermark ?? '') > end);
    expect(await service.stop()).toMatchObject({ code: 0 });
    expect(await judged(service, end)).toMatchObject({ status: 'complete', reasons: [] });
  });
});
