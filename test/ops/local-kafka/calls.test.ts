import { describe, expect, test } from 'vitest';
import { registerCallSchemas } from '../../../ops/local-kafka/avro-calls.ts';
import { type Call, endlessCalls, recordedCalls } from '../../../ops/local-kafka/calls.ts';
import { compileSchema, type WriterSchema } from '../../../schemas/avro/decoder.ts';
import { decodeRecord } from '../../../schemas/decode.ts';
import { schemaIdOf } from '../../../schemas/events/wire-format.ts';
import { sharedKafka, sharedRegistry } from '../../support/kafka/shared.ts';

const registry = await sharedRegistry();
const kafka = await sharedKafka();

async function taken(calls: AsyncIterable<Call>, count: number): Promise<readonly Call[]> {
  const some: Call[] = [];
  for await (const call of calls) if (some.push(call) === count) break;
  return some;
}

const ids = (calls: readonly Call[]) => new Set(calls.map(({ service_id }) => service_id));
const json = (call: Call) =>
  decodeRecord(
    { timestamp: 0, key: null, value: Buffer.from(JSON.stringify(call)) },
    { keyFormat: 'string', schemas: null },
  );

describe('the endless load', () => {
  const eventsOfDay = 17_152;

  test('repeats the recorded day with new service ids and the current time', async () => {
    const now = Date.parse('2026-01-01T00:00:00Z');
    const calls = await taken(
      endlessCalls(() => now),
      2 * eventsOfDay,
    );
    const [first, second] = [calls.slice(0, eventsOfDay), calls.slice(eventsOfDay)];
    const services = ids(await taken(recordedCalls('day'), eventsOfDay)).size;
    expect(ids(first).size).toBe(services);
    expect(ids(second).size).toBe(services);
    expect(ids(calls).size).toBe(2 * services);
    expect(new Set(calls.map(({ timestamp }) => timestamp))).toEqual(new Set(['2026-01-01T00:00:00.000Z']));
  });

  test('renames a state in the same way in all its events', async () => {
    const calls = await taken(endlessCalls(Date.now), eventsOfDay);
    const started = new Set(calls.flatMap(({ event, state_id }) => (event === 'state.started' ? [state_id] : [])));
    const moved = calls.flatMap(({ from, to }) => [from, to] as readonly ({ state_id: string } | undefined)[]);
    for (const state of moved) if (state !== undefined) started.add(state.state_id);
    const completed = calls.filter(({ event }) => event === 'state.completed');
    expect(completed.filter(({ state_id }) => !started.has(state_id))).toEqual([]);
  });
});

test.skipIf(!registry.available || !kafka.available)(
  'every event of the day decodes from Avro to the same event as from JSON',
  async () => {
    const encode = await registerCallSchemas(registry.url, kafka.uniqueTopic('calls'));
    const schemas = new Map<number, WriterSchema>();
    for await (const call of recordedCalls('day')) {
      const value = encode(call);
      const id = schemaIdOf(value)!;
      if (!schemas.has(id)) {
        const found = (await (await fetch(`${registry.url}/schemas/ids/${id}`)).json()) as { schema: string };
        schemas.set(id, compileSchema({ type: 'AVRO', text: found.schema, references: [] }));
      }
      const decoded = decodeRecord({ timestamp: 0, key: null, value }, { keyFormat: 'string', schemas });
      expect(decoded).toEqual(json(call));
      expect(decoded).not.toHaveProperty('reason');
    }
    expect(schemas.size).toBe(7);
  },
);
