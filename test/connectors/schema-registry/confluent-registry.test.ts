import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { SchemaRegistry as KafkaJsRegistry } from '@kafkajs/confluent-schema-registry';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ConfluentRegistry } from '../../../connectors/schema-registry/confluent-registry.ts';
import { compileSchema } from '../../../schemas/avro/decoder.ts';
import { decodeRecord } from '../../../schemas/decode.ts';
import { startedWith, whole } from '../../support/avro-events.ts';
import { makeCertificates } from '../../support/kafka/certificates.ts';
import { canStartRegistry, startRegistry } from '../../support/kafka/own-servers.ts';
import { sharedRegistry } from '../../support/kafka/shared.ts';
import { registryProxy } from '../../support/registry-proxy.ts';
import { inTrouble, never, openRegistry, register, setRule, uniqueSubject } from '../../support/schema-registry.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const shared = await sharedRegistry();

/** The registry client of the kafkajs project, which also encodes. */
function otherClient(url: string): KafkaJsRegistry {
  return new KafkaJsRegistry({ host: url, retry: { retries: 0 } });
}

/** Answers as the registry does when it has no schema of an id. */
function answerNotFound(response: ServerResponse): void {
  response.writeHead(404).end('{"error_code":40403,"message":"Schema not found"}');
}

describe.skipIf(!shared.available)('a real registry', () => {
  test('returns the schema that another client registered and encoded with', async () => {
    const other = otherClient(shared.url);
    const text = JSON.stringify(startedWith({ name: 'media_type', type: 'string' }));
    const subject = uniqueSubject('other');
    await setRule(shared.url, subject, 'BACKWARD');
    const { id } = await other.register({ type: 'AVRO' as never, schema: text }, { subject });
    const value = await other.encode(id, { ...whole, media_type: 'voice' });
    const schema = await openRegistry(shared.url).registry.schemaOf(id, never);
    const schemas = new Map([[id, compileSchema(schema!)]]);
    expect(decodeRecord({ timestamp: null, key: null, value }, { keyFormat: 'string', schemas })).toMatchObject({
      kind: 'service.started',
      service_id: 's',
      occasion: { timestamp: whole.timestamp, values: expect.arrayContaining(['voice']) },
    });
  });

  test('is asked twice for an unknown id, and again half a minute later', async () => {
    const { url, asked } = await registryProxy({ url: shared.url });
    const { registry, problems, time } = openRegistry(url);
    const request = 'GET /schemas/ids/2000000000';
    expect(await registry.schemaOf(2_000_000_000, never)).toBeNull();
    expect(asked).toEqual([request, request]);
    time.now += 29_999;
    expect(await registry.schemaOf(2_000_000_000, never)).toBeNull();
    expect(asked).toHaveLength(2);
    time.now += 1;
    expect(await registry.schemaOf(2_000_000_000, never)).toBeNull();
    expect(asked).toHaveLength(4);
    expect(problems).toEqual([]);
  });

  test('returns a schema that a lagging replica did not have at the first request', async () => {
    const id = await register(shared.url, startedWith());
    let isLagging = true;
    const { url } = await registryProxy({
      url: shared.url,
      misbehave(_, response) {
        if (isLagging) answerNotFound(response);
        const lagged = isLagging;
        isLagging = false;
        return lagged;
      },
    });
    expect(await openRegistry(url).registry.schemaOf(id, never)).toMatchObject({ type: 'AVRO' });
  });

  test('returns a schema that was registered after a request for its id found none', async () => {
    const id = await register(shared.url, startedWith());
    let isThere = false;
    const { url } = await registryProxy({
      url: shared.url,
      misbehave(_, response) {
        if (!isThere) answerNotFound(response);
        return !isThere;
      },
    });
    const { registry, time } = openRegistry(url);
    expect(await registry.schemaOf(id, never)).toBeNull();
    isThere = true;
    expect(await registry.schemaOf(id, never)).toBeNull();
    time.now += 30_000;
    expect(await registry.schemaOf(id, never)).toMatchObject({ type: 'AVRO' });
  });

  test('is asked only once per id when very many ids do not exist', async () => {
    const { url, asked } = await registryProxy({
      url: shared.url,
      misbehave: (_, response) => !response.writeHead(404).end('{"error_code":40403}').destroyed,
    });
    const { registry } = openRegistry(url);
    for (let id = 1; id <= 40; id += 1) expect(await registry.schemaOf(id, never)).toBeNull();
    expect(asked).toHaveLength(32 * 2 + 8);
  });

  test('is not asked a second time when the signal aborts', async () => {
    const stop = new AbortController();
    const { url, asked } = await registryProxy({ url: shared.url });
    const http = openRegistry(url).http;
    const registry = new ConfluentRegistry(http, { clock: { now: () => 0 }, recheckAfterMs: 2 ** 30 });
    const waiting = registry.schemaOf(2_000_000_000, stop.signal);
    while (asked.length === 0) await new Promise(resolve => setImmediate(resolve));
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(asked).toHaveLength(1);
  });

  test('is not asked for an id beyond 32 bits', async () => {
    const { url, asked } = await registryProxy({ url: shared.url });
    expect(await openRegistry(url).registry.schemaOf(2 ** 31, never)).toBeNull();
    expect(asked).toEqual([]);
  });

  test('is asked once for each schema', async () => {
    const id = await register(shared.url, startedWith());
    const { url, asked } = await registryProxy({ url: shared.url });
    const { registry } = openRegistry(`${url}/`);
    const first = await registry.schemaOf(id, never);
    expect(first).toMatchObject({ type: 'AVRO', references: [] });
    expect(await registry.schemaOf(id, never)).toBe(first);
    expect(asked).toEqual([`GET /schemas/ids/${id}`]);
  });

  test('returns the schemas that a schema references, each after those that it references itself', async () => {
    const [inner, outer] = [uniqueSubject('inner'), uniqueSubject('outer')];
    const post = (subject: string, schema: object, references: object[]) =>
      register(shared.url, schema, { subject, more: { schemaType: 'AVRO', references } });
    await post(inner, { type: 'record', name: 'common.Inner', fields: [{ name: 'a', type: 'string' }] }, []);
    const toInner = { name: 'common.Inner', subject: inner, version: 1 };
    await post(outer, { type: 'record', name: 'common.Outer', fields: [{ name: 'b', type: 'common.Inner' }] }, [
      toInner,
    ]);
    const both = [{ name: 'common.Outer', subject: outer, version: 1 }, toInner];
    const event = startedWith({ name: 'one', type: 'common.Outer' }, { name: 'two', type: 'common.Inner' });
    const id = await post(uniqueSubject('event'), event, both);
    const schema = await openRegistry(shared.url).registry.schemaOf(id, never);
    expect(schema?.references.map(text => JSON.parse(text).name.split('.').at(-1))).toEqual(['Inner', 'Outer']);
    const value = Buffer.concat([Buffer.from([0, 0, 0, 0, 9, 2, 0x73, 0]), Buffer.from([2, 0x61, 2, 0x62])]);
    const record = { timestamp: null, key: null, value };
    expect(
      decodeRecord(record, { keyFormat: 'string', schemas: new Map([[9, compileSchema(schema!)]]) }),
    ).toMatchObject({ service_id: 's' });
  });

  test('returns a referenced schema also after its version was deleted, because stored records still need it', async () => {
    const inner = uniqueSubject('inner');
    const type = { type: 'record', name: 'common.Inner', fields: [{ name: 'a', type: 'string' }] };
    await register(shared.url, type, { subject: inner });
    const references = [{ name: 'common.Inner', subject: inner, version: 1 }];
    const more = { schemaType: 'AVRO', references };
    const id = await register(shared.url, startedWith({ name: 'one', type: 'common.Inner' }), { more });
    // A registry gives a deleted version only to requests that ask for deleted ones too.
    const { url } = await registryProxy({
      url: shared.url,
      misbehave({ url: asked = '' }, response) {
        const isRefused = asked.startsWith(`/subjects/${inner}/`) && !asked.includes('deleted=true');
        if (isRefused) response.writeHead(404).end('{"error_code":40402,"message":"Version not found"}');
        return isRefused;
      },
    });
    const schema = await openRegistry(url).registry.schemaOf(id, never);
    expect(schema?.references, 'all records of the schema would be quarantined').toHaveLength(1);
  });

  test('returns the type of a schema', async () => {
    const id = await register(
      shared.url,
      { $schema: 'http://json-schema.org/draft-07/schema#', type: 'object' },
      { more: { schemaType: 'JSON' } },
    );
    expect(await openRegistry(shared.url).registry.schemaOf(id, never)).toMatchObject({ type: 'JSON' });
  });

  test('is reached over TLS with the configured authority', async () => {
    const folder = await temporaryFolder();
    onTestFinished(() => folder.remove());
    const { authority, stores } = await makeCertificates(folder.path);
    const id = await register(shared.url, startedWith());
    const { url } = await registryProxy({ url: shared.url, store: stores.good });
    const authorities = await readFile(authority, 'utf8');
    expect(await openRegistry(url, { authorities }).registry.schemaOf(id, never)).toMatchObject({ type: 'AVRO' });
    const stop = new AbortController();
    const unknownAuthority = openRegistry(url);
    const waiting = unknownAuthority.registry.schemaOf(id, stop.signal);
    expect(await inTrouble(unknownAuthority)).toMatch(/certificate.*registry_ca_file/);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});

describe.skipIf(!(await canStartRegistry()))('a registry that is killed', () => {
  test('is waited for, and asked again after its start', async () => {
    const own = await startRegistry();
    const id = await register(own.url, startedWith());
    const opened = openRegistry(own.url);
    expect(await opened.registry.schemaOf(99, never)).toBeNull();
    await own.kill();
    expect(await opened.registry.schemaOf(99, never)).toBeNull();
    const waiting = opened.registry.schemaOf(id, never);
    expect(await inTrouble(opened)).toMatch(/is unavailable: .*ECONNREFUSED/);
    await own.start();
    expect(await waiting).toMatchObject({ type: 'AVRO' });
    expect(opened.problems.at(-1)).toBeNull();
    expect(opened.registry.problem).toBeNull();
  });
});
