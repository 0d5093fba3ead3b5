import { describe, expect, onTestFinished, test } from 'vitest';
import { sharedKafka } from '../support/kafka/shared.ts';
import { clockLateness, exportOf, many, passed, servicesIn, started } from '../support/kafka/windows.ts';
import { Service, servingOf } from '../support/service.ts';

const kafka = await sharedKafka();

describe.skipIf(!kafka.available)('an export from Kafka is complete only when it is whole', () => {
  test.each(['commit', 'abort'] as const)(
    'an open transaction hides what lies behind it, until its %s (contract 4.20, 4.34)',
    async end => {
      const topic = await kafka.createTopic('open');
      const from = new Date();
      await kafka.produce(topic, [started('early')]);
      const producer = kafka.client().producer({
        transactionalId: kafka.uniqueTopic('transaction'),
        ...{ idempotent: true, maxInFlightRequests: 1 },
      });
      await producer.connect();
      onTestFinished(() => producer.disconnect());
      const transaction = await producer.transaction();
      await transaction.send({ topic, acks: -1, messages: [started('in-transaction')] });
      await kafka.produce(topic, many(1000, 'acknowledged'));
      const to = new Date();
      await passed(to);

      const service = new Service(await servingOf(kafka, topic, ...clockLateness, '--export-wait-ms', '1500'));
      await service.reaches('the first record', ({ partitions }) => partitions[0]?.stored_offset === 1);
      const hidden = await exportOf(service, 'hidden', { from, to });
      expect(servicesIn(hidden)).toBe(1);
      expect(hidden.completeness).toBe('provisional');
      expect(hidden.manifest?.reasons[0]).toMatch(
        new RegExp(
          `^${topic}/0: has no watermark yet; .*an open transaction hides offsets 1 to 1001, seen for \\d+ s$`,
        ),
      );
      const { partitions } = await service.status();
      expect(partitions[0], 'lag counts to the high watermark').toMatchObject({ log_end: 1002, lag_records: 1001 });
      expect(partitions[0]?.open_transaction_seconds).toBeGreaterThan(0);

      await transaction[end]();
      const visible = await exportOf(service, 'visible', { from, to, wait: 'complete' });
      expect(visible.completeness).toBe('complete');
      expect(servicesIn(visible)).toBe(end === 'commit' ? 1002 : 1001);
      await service.reaches('a look at the end', status => status.partitions[0]?.open_transaction_seconds === 0);
      expect(await service.stop()).toMatchObject({ code: 0 });
    },
  );

  test('of a log whose beginning is gone, only windows after its first record are complete (contract 4.31)', async () => {
    const topic = await kafka.createTopic('beginning');
    const from = new Date(Date.now() - 3_600_000);
    await kafka.produce(topic, many(5, 'lost'));
    await kafka.withAdmin(async admin => {
      await admin.fetchTopicMetadata({ topics: [topic] });
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '5' }] });
    });
    const skew = ['--skew-ms', '100'];
    const service = new Service(await servingOf(kafka, topic, ...clockLateness, ...skew));
    await service.reaches('an end to be known', ({ partitions }) => partitions[0]?.lag_records === 0);
    const empty = new Date();
    await passed(empty);
    const nothing = await exportOf(service, 'nothing', { from: new Date(empty.getTime() - 500), to: empty });
    expect(nothing.manifest, 'while nothing is stored, every window may lack something').toMatchObject({
      status: 'provisional',
      reasons: [
        `${topic}/0: its first reading began at 5, so earlier events may be missing; no record was stored since`,
      ],
    });

    await kafka.produce(topic, [started('first')]);
    await service.reachesOffsets([{ partition: 0, high: 6 }]);
    const first = new Date();
    await passed(first);
    const later = new Date(first.getTime() + 300);
    await kafka.produce(topic, [
      {
        key: 'old',
        value: JSON.stringify({ event: 'service.completed', service_id: 'old', timestamp: later.toISOString() }),
      },
    ]);
    const to = new Date(later.getTime() + 500);
    await passed(to);
    const whole = await exportOf(service, 'whole', { from: later, to, wait: 'complete' });
    expect(whole.manifest).toMatchObject({
      status: 'complete',
      services_without_start: 1,
      partitions: [{ topic, first_offset: 5, next_offset: 7 }],
    });
    const early = await exportOf(service, 'early', { from, to });
    expect(early.manifest?.reasons).toEqual([
      expect.stringMatching(
        /its first reading began at 5, so earlier events may be missing; windows that begin after 20/,
      ),
    ]);
  });

  test('an export that gave up waiting is provisional, and names what is not stored (contract 4.22)', async () => {
    const topic = await kafka.createTopic('backlog');
    const from = new Date(Date.now() - 60_000);
    for (const part of ['a', 'b', 'c', 'd', 'e', 'f']) await kafka.produce(topic, many(5_000, part));
    await kafka.produce(topic, [started('earlier', new Date(Date.now() - 30_000))]);
    const to = new Date();
    await passed(to);
    const flags = [...clockLateness, '--batch-records', '50', '--export-wait-ms', '300'];
    const service = new Service(await servingOf(kafka, topic, ...flags));
    await service.reaches('some of it', ({ partitions }) => (partitions[0]?.stored_offset ?? 0) > 0);
    const given = await exportOf(service, 'given-up', { from, to });
    expect(given.completeness).toBe('provisional');
    expect(given.manifest?.reasons.join('\n')).toMatch(
      /\d+ of its records are not stored\nwaited 300 ms without success/,
    );
  });

  test('a window that has just ended is not complete before the clock lateness has passed (contract 4.23)', async () => {
    const topic = await kafka.createTopic('now');
    const from = new Date();
    const service = new Service(await servingOf(kafka, topic, '--clock-lateness-ms', '3000'));
    await service.reaches('an end to be known', ({ partitions }) => partitions[0]?.lag_records === 0);
    const to = new Date();
    expect((await exportOf(service, 'now', { from, to })).manifest).toMatchObject({
      status: 'provisional',
      reasons: [
        expect.stringContaining('a partition may have been added since'),
        expect.stringContaining(
          `complete at the earliest when all that the log held at ${new Date(to.getTime() + 3000).toISOString()} is stored`,
        ),
      ],
    });
    expect(await exportOf(service, 'waited', { from, to, wait: 'complete' })).toMatchObject({
      completeness: 'complete',
    });
    expect(Date.now()).toBeGreaterThanOrEqual(to.getTime() + 3000);
  });
});
