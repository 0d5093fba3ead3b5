import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import { describe, expect, test } from 'vitest';
import { waitFor } from '../../../ops/local-kafka/waiting.ts';
import { parameterNames } from '../../../pipeline/export/parameter-table.ts';
import { replayParameterNames } from '../../../pipeline/requests/replay-parameters.ts';
import type { Status } from '../../../pipeline/requests/statuses.ts';
import { readControlSchema } from '../../../schemas/avro/files.ts';
import { ControlPlace, exportRequest, StatusReader } from '../../support/kafka/control-place.ts';
import { canProduceFromPython, produceAvroFromPython } from '../../support/kafka/foreign-producers.ts';
import { sharedKafka, sharedRegistry } from '../../support/kafka/shared.ts';
import { registryProxy } from '../../support/registry-proxy.ts';
import { queryDatabase } from '../../support/tables.ts';
import { tidemarkDone } from '../../support/tidemark.ts';

const kafka = await sharedKafka();
const shared = await sharedRegistry();
const available = kafka.available && shared.available && (await canProduceFromPython());

/** All parameters as null, because Confluent's Python serializer requires every field. */
const nothing = Object.fromEntries([...parameterNames, ...replayParameterNames].map(name => [name, null]));
const window = { time_from: Date.parse('2026-03-01T00:00:00Z'), time_to: '2026-03-02T00:00:00Z' };
const avroStatuses = (url: string) => ['--registry-url', url, '--status-format', 'avro'];

/** Decodes with the registry package of the kafkajs project, which shares no code with Tidemark. */
function foreignDecoder() {
  const registry = new SchemaRegistry({ host: shared.url });
  const seen = new Set<unknown>();
  const decode = async (value: Buffer): Promise<Status> => {
    seen.add(value.readInt32BE(1));
    const { at, manifest, ...status } = await registry.decode(value);
    return { ...status, at: new Date(at).toISOString(), manifest: manifest === null ? null : JSON.parse(manifest) };
  };
  return { registry, seen, decode };
}

describe.skipIf(!available)('Avro on the control topic and the status topic', () => {
  test('Avro requests of two foreign clients, with JSON between them, are served, and a foreign client reads the Avro statuses', async () => {
    const place = await ControlPlace.make(kafka);
    const service = place.start(...avroStatuses(shared.url));
    const { registry, seen, decode } = foreignDecoder();
    const statuses = await StatusReader.open(place, decode);
    const schema = readControlSchema('control.request');
    const target = { brokers: kafka.brokers, topic: place.topics.control, registry: shared.url, schema } as const;
    const python = { ...nothing, ...window, action: 'export', file_prefix: 'python/', manifest: true };
    await produceAvroFromPython({ ...target, subjects: 'topic-record' }, [{ key: 'python', value: python }]);
    const subject = `${place.topics.control}-control.request`;
    const id = await registry.getLatestSchemaId(subject);
    const ended = await statuses.ended('python');
    const cancel = await registry.encode(id, { action: 'cancel' });
    const json = exportRequest('json', { format: 'json' });
    await place.ask(
      json,
      ['python', cancel],
      ['replay', await registry.encode(id, { action: 'replay', from: 'yesterday' })],
    );
    const refused = await statuses.until('replay', ({ sequence }) => sequence === 0);
    expect(refused.error).toMatchObject({
      code: 'REQUEST_INVALID',
      message: expect.stringContaining('from is "yesterday"'),
    });
    const stamp = /^python\/\d{8}_\d{6}_\d{3}_/.exec(ended.created[0] ?? '')?.[0];
    expect(ended).toMatchObject({
      status: 'completed',
      created: [`${stamp}tasks.csv`, `${stamp}states.csv`, `${stamp}services.csv`],
      rows: { services: 3, states: 0, tasks: 0 },
      manifest: { request_id: 'python', window: { time_from: '2026-03-01T00:00:00.000Z' } },
      progress: { phase: 'ended', rows: 3 },
      error: null,
    });
    expect(statuses.of('python').find(({ sequence }) => sequence === 0)?.error?.code).toBe('REQUEST_ENDED');
    expect((await statuses.ended('json')).status).toBe('completed');
    expect([...seen]).toEqual([await registry.getLatestSchemaId(`${place.topics.statuses}-control.status`)]);
    await service.stop();
    expect(await place.states()).toEqual({ json: 'completed', python: 'completed' });
    const registered = ['schemas', 'check', '--registry-url', shared.url, '--topic', place.topics.events, '--json'];
    const topics = ['--control-topic', place.topics.control, '--status-topic', place.topics.statuses];
    expect(JSON.parse(await tidemarkDone([...registered, ...topics])).slice(-2)).toMatchObject([
      { subject, standing: 'registered', id },
      { standing: 'registered', id: [...seen][0] },
    ]);
  });

  test('a malformed request fails when it has an id, and is quarantined when it has none', async () => {
    const place = await ControlPlace.make(kafka);
    const service = place.start('--registry-url', shared.url);
    const statuses = await StatusReader.open(place);
    const { registry } = foreignDecoder();
    const subject = `${place.topics.control}-control.request`;
    const schema = readControlSchema('control.request');
    const { id } = await registry.register({ type: SchemaType.AVRO, schema }, { subject });
    const good = await registry.encode(id, { action: 'cancel' });
    const unknown = Buffer.concat([Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]), good.subarray(5)]);
    await place.ask(
      ['cut', good.subarray(0, -1)],
      ['unknown', unknown],
      ['head', Buffer.from([0, 0])],
      [null, good.subarray(0, -1)],
      [null, unknown],
      [null, good],
      exportRequest('good'),
    );
    await statuses.ended('good');
    const words = { cut: 'ends too early', unknown: 'has no schema 2147483647', head: 'a schema id of four bytes' };
    for (const [request, message] of Object.entries(words)) {
      expect(statuses.of(request)).toMatchObject([
        {
          sequence: 0,
          status: 'failed',
          error: { code: 'REQUEST_INVALID', message: expect.stringContaining(message) },
        },
      ]);
    }
    await service.stop();
    const quarantined = await queryDatabase(place.db, query =>
      query(`SELECT "offset", reason, schema_id FROM quarantine WHERE topic = '${place.topics.control}' ORDER BY 1`),
    );
    expect(quarantined).toEqual([
      ['3', 'MALFORMED', String(id)],
      ['4', 'UNKNOWN_SCHEMA', '2147483647'],
      ['5', 'NO_KEY', String(id)],
    ]);
  });

  test('while the registry is down, statuses wait in the outbox and Avro requests on the topic; afterwards all are handled', async () => {
    let isDown = true;
    const misbehave: NonNullable<Parameters<typeof registryProxy>[0]['misbehave']> = (request, response) => {
      if (isDown && request.method === 'POST') response.writeHead(503).end();
      else if (isDown) request.socket.destroy();
      return isDown;
    };
    const proxy = await registryProxy({ url: shared.url, misbehave });
    const place = await ControlPlace.make(kafka);
    const service = place.start(...avroStatuses(proxy.url));
    const { registry, decode } = foreignDecoder();
    const statuses = await StatusReader.open(place, decode);
    const schema = readControlSchema('control.request');
    const subject = `${place.topics.control}-control.request`;
    const { id } = await registry.register({ type: SchemaType.AVRO, schema }, { subject });
    const avro = await registry.encode(id, { ...exportRequest('avro')[1] });
    await place.ask(exportRequest('json'), ['avro', avro]);
    const url = await service.url();
    await waitFor('the export', async () => {
      const [job] = (await (await fetch(`${url}/exports`)).json()) as { state: string }[];
      return job?.state === 'completed' ? job : null;
    });
    const reasons = await waitFor('both problems', async () => {
      const status = (await (await fetch(`${url}/status`)).json()) as { not_ready: readonly string[] };
      const reasons = status.not_ready;
      return reasons.filter(reason => reason.includes('schema registry')).length === 2 ? reasons : null;
    });
    expect(reasons).toContainEqual(expect.stringContaining('status 503 is not an answer of a schema registry'));
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/\ntidemark_outbox_statuses [1-9]/);
    expect(statuses.all).toEqual([]);
    isDown = false;
    expect((await statuses.ended('json')).status).toBe('completed');
    expect((await statuses.ended('avro')).status).toBe('completed');
    expect(statuses.of('json').map(({ sequence }) => sequence)).toEqual(statuses.of('json').map((_, at) => at + 1));
    expect(await service.stop()).toMatchObject({ code: 0 });
  });
});
