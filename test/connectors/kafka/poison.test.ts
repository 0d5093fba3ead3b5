import type { Message } from 'kafkajs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ingest } from '../../../pipeline/ingest/ingest.ts';
import type { KeyFormat } from '../../../schemas/cures.ts';
import { goldenLines, readGolden } from '../../support/golden.ts';
import { boundedKafkaSource, kafkaOptions } from '../../support/kafka/reading.ts';
import { sharedKafka } from '../../support/kafka/shared.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const kafka = await sharedKafka();

/** Ingests all records of a topic into the store and gives the counts. */
function ingestTopic(store: TestStore, topic: string, keyFormat: KeyFormat = 'string') {
  const source = boundedKafkaSource(
    kafkaOptions({ brokers: kafka.brokers, topics: [topic], group: kafka.uniqueTopic('group'), batchRecords: 17 }),
  );
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  return ingest(source, store.warehouse, { keyFormat, clock: { now: Date.now }, signal: stop.signal });
}

const started = (id: string): string => `{"event":"service.started","service_id":${JSON.stringify(id)}}`;

describe.skipIf(!kafka.available)('malformed records on a topic', () => {
  test('of every kind, between good records, are each quarantined with their reason, and all others are applied', async () => {
    const expected =
      readGolden<readonly { outcome: string; reason?: string; field?: string }[]>('rejects/expected.json');
    const messages: Message[] = goldenLines('rejects/events.ndjson').map(line => ({
      key: null,
      value: Buffer.from(line),
    }));
    const topic = await kafka.createTopic('poison');
    await kafka.produce(topic, [{ key: 'a', value: started('a') }, ...messages, { key: 'z', value: started('z') }]);
    const store = await openTestStore();
    const counts = await ingestTopic(store, topic);
    expect(counts.recordsRead).toBe(messages.length + 2);
    expect(counts.applied + counts.quarantined).toBe(counts.recordsRead);
    const found = await store.rows('SELECT "offset", reason, field FROM quarantine ORDER BY "offset"');
    const wanted = expected.flatMap(({ outcome, reason, field }, index) =>
      // In Kafka each record has a timestamp, which serves as that of the event; in a file it is missing.
      outcome === 'quarantined' && !(reason === 'MISSING_FIELD' && field === 'timestamp')
        ? [[String(index + 1), reason, field ?? null]]
        : [],
    );
    expect(found).toEqual(wanted);
    expect(await store.rows("SELECT count(*) FROM services WHERE service_id IN ('a', 'z')")).toEqual([['2']]);
  });

  // contract 2.11
  test('alone in a partition are quarantined with bytes, headers and key, and the offset moves to the end', async () => {
    const topic = await kafka.createTopic('only-poison', { partitions: 2 });
    const poison = Array.from({ length: 40 }, (_, index) => ({
      partition: 1,
      key: `k${index}`,
      value: Buffer.from([0xff, index]),
      headers: { trace: `t${index}` },
    }));
    await kafka.produce(topic, [{ partition: 0, key: 'a', value: started('a') }, ...poison]);
    const store = await openTestStore();
    expect(await ingestTopic(store, topic)).toEqual({ recordsRead: 41, applied: 1, quarantined: 40 });
    expect(await store.rows('SELECT next_offset FROM partitions WHERE partition = 1')).toEqual([['40']]);
    expect(await store.rows('SELECT reason, key, value, headers FROM quarantine WHERE "offset" = 7')).toEqual([
      ['MALFORMED', 'k7', '\\xFF\\x07', JSON.stringify([['trace', Buffer.from('t7').toString('base64')]])],
    ]);
  });

  test('that are tombstones delete their service, except one without a key', async () => {
    const topic = await kafka.createTopic('tombstones');
    const values: readonly (readonly [string | null, string | null])[] = [
      ['a', started('a')],
      ['b', started('b')],
      ['a', null],
      [null, null],
      ['c', null],
      ['b', started('b')],
    ];
    await kafka.produce(
      topic,
      values.map(([key, value]) => ({ key, value })),
    );
    const store = await openTestStore();
    expect(await ingestTopic(store, topic)).toEqual({ recordsRead: 6, applied: 5, quarantined: 1 });
    expect(await store.rows('SELECT service_id FROM services')).toEqual([['b']]);
    expect(await store.rows('SELECT "offset", reason FROM quarantine')).toEqual([['3', 'NO_KEY']]);
  });
});

describe.skipIf(!kafka.available)('keys', () => {
  test.each<[KeyFormat, string, readonly (readonly [string | null, string | null])[]]>([
    [
      'string',
      '7',
      [
        ['7', null],
        [null, null],
        ['8', 'KEY_MISMATCH'],
        ['', 'KEY_MISMATCH'],
        ['"7"', 'KEY_MISMATCH'],
      ],
    ],
    [
      'json',
      '7',
      [
        ['7', null],
        ['"7"', null],
        ['null', null],
        [null, null],
        ['"8"', 'KEY_MISMATCH'],
        ['{', 'MALFORMED'],
        ['', 'MALFORMED'],
      ],
    ],
  ])(
    'of the format %s may be absent or equal the service id, and are quarantined otherwise',
    async (keyFormat, id, cases) => {
      const topic = await kafka.createTopic(`keys-${keyFormat}`);
      await kafka.produce(
        topic,
        cases.map(([key]) => ({ key, value: started(id) })),
      );
      const store = await openTestStore();
      await ingestTopic(store, topic, keyFormat);
      const found = await store.rows('SELECT "offset", reason FROM quarantine ORDER BY "offset"');
      expect(found).toEqual(cases.flatMap(([, reason], offset) => (reason === null ? [] : [[String(offset), reason]])));
    },
  );
});

describe.skipIf(!kafka.available)('a partition that was added', () => {
  test('splits the services whose later events go to it, and these services are counted', async () => {
    const topic = await kafka.createTopic('grown');
    await kafka.produce(topic, [
      { partition: 0, key: 'a', value: started('a') },
      { partition: 0, key: 'b', value: started('b') },
    ]);
    const store = await openTestStore();
    await ingestTopic(store, topic);
    await kafka.withAdmin(admin => admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] }));
    await kafka.produce(topic, [{ partition: 1, key: 'a', value: '{"event":"service.completed","service_id":"a"}' }]);
    expect(await ingestTopic(store, topic)).toEqual({ recordsRead: 1, applied: 1, quarantined: 0 });
    const { splitServices } = await store.exported('services', { timeFrom: 0, timeTo: Date.now() + 60_000 });
    expect(splitServices).toBe(1);
  });
});
