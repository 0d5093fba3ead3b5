import { describe, expect, test } from 'vitest';
import { judgeSchema, registerSchema } from '../../../connectors/schema-registry/subjects.ts';
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
    expect(await judgeSchema(http, schema, never)).toEqual({ subject: schema.subject, standing: 'new' });
    const first = await registerSchema(http, schema, never);
    expect(first).toEqual({ subject: schema.subject, id: expect.any(Number), version: 1 });
    expect(await registerSchema(http, schema, never)).toEqual(first);
    expect(await judgeSchema(http, schema, never)).toEqual({ standing: 'registered', ...first });
  });

  test('one that may follow gets the next version', async () => {
    const http = open();
    const subject = uniqueSubject('follows');
    await registerSchema(http, schemaOf(subject), never);
    await setRule(shared.url, subject, 'BACKWARD');
    expect(await judgeSchema(http, schemaOf(subject, optional), never)).toEqual({ subject, standing: 'compatible' });
    expect(await registerSchema(http, schemaOf(subject, optional), never)).toMatchObject({ version: 2 });
  });

  test('one that may not is refused, and nothing is registered', async () => {
    const http = open();
    const subject = uniqueSubject('refused');
    await registerSchema(http, schemaOf(subject), never);
    await setRule(shared.url, subject, 'BACKWARD');
    expect(await judgeSchema(http, schemaOf(subject, required), never)).toEqual({
      subject,
      standing: 'incompatible',
      why: expect.stringMatching(/^the rule is BACKWARD/),
    });
    await expect(registerSchema(http, schemaOf(subject, required), never)).rejects.toMatchObject({
      code: 'SCHEMA_INCOMPATIBLE',
      exitCode: 65,
      message: expect.stringMatching(new RegExp(`^${subject}: our schema may not follow .*Incompatible`)),
    });
    expect((await http.get(`/subjects/${subject}/versions`, never)).body).toEqual([1]);
  });

  test('where the rule is NONE any may follow', async () => {
    const http = open();
    const subject = uniqueSubject('none');
    await registerSchema(http, schemaOf(subject), never);
    await setRule(shared.url, subject, 'NONE');
    expect(await judgeSchema(http, schemaOf(subject, required), never)).toEqual({ subject, standing: 'compatible' });
  });

  test('what is no schema is refused in the words of the registry', async () => {
    const http = open();
    const subject = uniqueSubject('nonsense');
    await expect(registerSchema(http, { subject, text: '{"type":"nonsense"}' }, never)).rejects.toMatchObject({
      code: 'SCHEMA_INCOMPATIBLE',
    });
    await registerSchema(http, schemaOf(subject), never);
    expect(await judgeSchema(http, { subject, text: '{"type":"nonsense"}' }, never)).toMatchObject({
      standing: 'incompatible',
    });
  });

  test('a subject may have a name that an address must spell otherwise', async () => {
    const http = open();
    const subject = `${uniqueSubject('odd')}/ä b?#`;
    expect(await registerSchema(http, schemaOf(subject), never)).toMatchObject({ subject, version: 1 });
  });

  test('a registry that is away is an error at once', async () => {
    const { url } = await registryProxy({
      url: shared.url,
      misbehave: (_, response) => response.writeHead(503).end('') !== undefined,
    });
    await expect(judgeSchema(openRegistry(url).http, schemaOf('any'), never)).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      retry: true,
      exitCode: 69,
    });
  });
});
