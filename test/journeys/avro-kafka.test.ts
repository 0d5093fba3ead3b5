import { describe, expect, test } from 'vitest';
import { type IngestOptions, ingest } from '../../pipeline/ingest/ingest.ts';
import type { KeyFormat } from '../../schemas/cures.ts';
import { asAvro, type kinds, schemaText } from '../support/avro.ts';
import { canProduceFromPython, produceAvroFromPython } from '../support/kafka/foreign-producers.ts';
import { boundedKafkaSource, kafkaOptions } from '../support/kafka/reading.ts';
import { sharedKafka, sharedRegistry } from '../support/kafka/shared.ts';
import { openRegistry } from '../support/schema-registry.ts';
import { openTestStore, type TestStore } from '../support/store.ts';
import { tidemarkDone } from '../support/tidemark.ts';

const kafka = await sharedKafka();
const shared = await sharedRegistry();
const at = Date.parse('2026-03-01T00:00:00.000Z');

/** What Confluent's serializer is given: plain values, as the union's first branch that fits takes them. */
const avroEvents: readonly [kind: (typeof kinds)[number], value: Record<string, unknown>][] = [
  [
    'service.started',
    {
      service_id: 's',
      customer_id: 9_007_199_254_740_000,
      contact_key: 'Zürich',
      timestamp: at,
      extensions: '{"b":1.50,"1":null}',
    },
  ],
  [
    'state.transitioned',
    { service_id: 's', from: { state_id: 'a', disposition: 7 }, to: { state_id: 'b' }, timestamp: at + 1 },
  ],
  ['extension.updated', { service_id: 's', entity: 'service', name: 'n', value: '[1e3]', timestamp: at + 2 }],
  ['service.completed', { service_id: 's', disposition_desc: '日本', timestamp: at + 3 }],
];

async function consumed(store: TestStore, topic: string, keyFormat: KeyFormat = 'string') {
  const options: IngestOptions = {
    keyFormat,
    registry: openRegistry(shared.url).registry,
    clock: { now: Date.now },
    signal: new AbortController().signal,
  };
  const { brokers } = kafka;
  const source = boundedKafkaSource(kafkaOptions({ brokers, topics: [topic], group: kafka.uniqueTopic('group') }));
  return ingest(source, store.warehouse, options);
}

describe.skipIf(!kafka.available || !shared.available || !(await canProduceFromPython()))(
  'Avro of other clients',
  () => {
    test("values of Confluent's serializer with Tidemark's schemas, JSON, a tombstone and broken records are each handled", async () => {
      const topic = await kafka.createTopic('avro');
      const registered = JSON.parse(
        await tidemarkDone(['schemas', 'register', '--registry-url', shared.url, '--topic', topic, '--json']),
      ) as { subject: string; id: number }[];
      for (const [kind, value] of avroEvents) {
        const target = {
          brokers: kafka.brokers,
          topic,
          registry: shared.url,
          schema: schemaText(kind),
          subjects: 'topic-record',
        } as const;
        await produceAvroFromPython(target, [{ key: 's', value }]);
      }
      const good = asAvro('{"event":"service.deleted","service_id":"x"}')!;
      await kafka.produce(topic, [
        { key: 't', value: `{"event":"service.started","service_id":"t","timestamp":"${new Date(at).toISOString()}"}` },
        { key: 'u', value: `{"event":"service.started","service_id":"u","timestamp":"${new Date(at).toISOString()}"}` },
        { key: 'u', value: null },
        { key: 'x', value: Buffer.concat([Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]), good.subarray(5)]) },
        { key: 'x', value: Buffer.from([0, 0]) },
      ]);
      const store = await openTestStore();
      expect(await consumed(store, topic)).toMatchObject({ recordsRead: 9, applied: 7, quarantined: 2 });
      expect(
        await store.rows(
          'SELECT service_id, customer_id, contact_key, disposition_desc, extensions FROM services ORDER BY 1',
        ),
      ).toEqual([
        ['s', '9007199254740000', 'Zürich', '日本', '{"b":1.50,"1":null,"n":[1e3]}'],
        ['t', null, null, null, null],
      ]);
      expect(await store.rows('SELECT state_id, disposition, previous_state_id FROM states ORDER BY 1')).toEqual([
        ['a', '7', null],
        ['b', null, 'a'],
      ]);
      expect(await store.rows('SELECT schema_id, reason FROM quarantine ORDER BY "offset"')).toEqual([
        ['2147483647', 'UNKNOWN_SCHEMA'],
        [null, 'MALFORMED'],
      ]);
      const used = registered.filter(({ subject }) => avroEvents.some(([kind]) => subject === `${topic}-${kind}`));
      expect(await store.rows('SELECT schema_id FROM schema_ids ORDER BY 1')).toEqual(
        used.map(({ id }) => [String(id)]).toSorted((one, other) => Number(one[0]) - Number(other[0])),
      );
    });

    test('Avro keys: text and whole numbers are ids, tombstones delete, and a key with another id or without Avro is quarantined', async () => {
      const topic = await kafka.createTopic('avro-keys');
      const numbers = await kafka.createTopic('avro-number-keys');
      const schema = schemaText('service.started');
      const target = { brokers: kafka.brokers, registry: shared.url, schema, subjects: 'topic-record' } as const;
      const started = (id: string) => ({ service_id: id, timestamp: at });
      await produceAvroFromPython({ ...target, topic, keySchema: '"string"' }, [
        { key: 'kept', value: started('kept') },
        { key: 'gone', value: started('gone') },
        { key: 'gone', value: null },
        { key: 'other', value: started('meant') },
      ]);
      await kafka.produce(topic, [{ key: 'plain', value: '{"event":"service.started","service_id":"plain"}' }]);
      await produceAvroFromPython({ ...target, topic: numbers, keySchema: '"long"' }, [
        { key: 42, value: started('42') },
      ]);
      const store = await openTestStore();
      expect(await consumed(store, topic, 'avro')).toMatchObject({ recordsRead: 5, applied: 3, quarantined: 2 });
      expect(await consumed(store, numbers, 'avro')).toMatchObject({ recordsRead: 1, applied: 1 });
      expect(await store.rows('SELECT service_id FROM services ORDER BY 1')).toEqual([['42'], ['kept']]);
      expect(await store.rows('SELECT reason FROM quarantine ORDER BY "offset"')).toEqual([
        ['KEY_MISMATCH'],
        ['MALFORMED'],
      ]);
    });
  },
);
