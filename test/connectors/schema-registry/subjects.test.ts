import { describe, expect, test } from 'vitest';
import { checkSchema, registerSchema } from '../../../connectors/schema-registry/subjects.ts';
import { startedWith } from '../../support/avro-events.ts';
import { sharedRegistry } from '../../support/kafka/shared.ts';
import { registryProxy } from '../../support/registry-proxy.ts';
import { never, openRegistry, setRule, uniqueSubject } from '../../support/schema-registry.ts';

const shared = await sharedRegistry();
const optional = { name: 'media_type', type: ['null', 'string'], default: null };
const required = { name: 'media_type', type: 'string' };

describe.skipIf(!shared.available)('subjects of a real registry', () => {
  const open = () => openRegistry(shared.url).http;
  const schemaOf = (subject: string, ...fields: readonly object[]) => ({
    subject,
    text: JSON.stringify(startedWith(...fields)),
  });

  test('a schema registered twice keeps its id and version', async () => {
    const http = open();
    const schema = schemaOf(uniqueSubject('twice'));
    expect(await checkSchema(http, schema, never)).toEqual({ subject: schema.subject, standing: 'new' });
    const first = await registerSchema(http, schema, never);
    expect(first).toEqual({ subject: schema.subject, id: expect.any(Number), version: 1 });
    expect(await registerSchema(http, schema, never)).toEqual(first);
    expect(await checkSchema(http, schema, never)).toEqual({ standing: 'registered', ...first });
  });

  test('a compatible schema gets the next version', async () => {
    const http = open();
    const subject = uniqueSubject('follows');
    await registerSchema(http, schemaOf(subject), never);
    await setRule(shared.url, subject, 'BACKWARD');
    expect(await checkSchema(http, schemaOf(subject, optional), never)).toEqual({ subject, standing: 'compatible' });
    expect(await registerSchema(http, schemaOf(subject, optional), never)).toMatchObject({ version: 2 });
  });

  test('an incompatible schema is refused and not registered', async () => {
    const http = open();
    const subject = uniqueSubject('refused');
    await registerSchema(http, schemaOf(subject), never);
    await setRule(shared.url, subject, 'BACKWARD');
    expect(await checkSchema(http, schemaOf(subject, required), never)).toEqual({
      subject,
      standing: 'incompatible',
      why: expect.stringMatching(/^the rule is BACKWARD/),
    });
    await expect(registerSchema(http, schemaOf(subject, required), never)).rejects.toMatchObject({
      code: 'SCHEMA_INCOMPATIBLE',
      exitCode: 65,
      message: expect.stringMatching(new RegExp(`^${subject}: Tidemark's schema is not compatible .*Incompatible`)),
    });
    expect((await http.get(`/subjects/${subject}/versions`, never)).body).toEqual([1]);
  });

  test('with the rule NONE any schema is compatible', async () => {
    const http = open();
    const subject = uniqueSubject('none');
    await registerSchema(http, schemaOf(subject), never);
    await setRule(shared.url, subject, 'NONE');
    expect(await checkSchema(http, schemaOf(subject, required), never)).toEqual({ subject, standing: 'compatible' });
  });

  test("a text that is no schema is refused with the registry's message", async () => {
    const http = open();
    const subject = uniqueSubject('nonsense');
    await expect(registerSchema(http, { subject, text: '{"type":"nonsense"}' }, never)).rejects.toMatchObject({
      code: 'SCHEMA_INCOMPATIBLE',
    });
    await registerSchema(http, schemaOf(subject), never);
    expect(await checkSchema(http, { subject, text: '{"type":"nonsense"}' }, never)).toMatchObject({
      standing: 'incompatible',
    });
  });

  test('a subject may have a name that must be encoded in a URL', async () => {
    const http = open();
    const subject = `${uniqueSubject('odd')}/ä b?#`;
    expect(await registerSchema(http, schemaOf(subject), never)).toMatchObject({ subject, version: 1 });
  });

  test('an unavailable registry is an error at once', async () => {
    const { url } = await registryProxy({
      url: shared.url,
      misbehave: (_, response) => response.writeHead(503).end('') !== undefined,
    });
    await expect(checkSchema(openRegistry(url).http, schemaOf('any'), never)).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      retry: true,
      exitCode: 69,
    });
  });
});
