import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kinds } from '../support/avro.ts';
import { startedWith } from '../support/avro-events.ts';
import { tidemarkDoneHere, tidemarkHere } from '../support/in-process.ts';
import { sharedRegistry } from '../support/kafka/shared.ts';
import { registryProxy } from '../support/registry-proxy.ts';
import { register, setRule, uniqueSubject } from '../support/schema-registry.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const shared = await sharedRegistry();
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

const at = (url: string, topic: string) => ['--registry-url', url, '--topic', topic];

describe.skipIf(!shared.available)('tidemark schemas', () => {
  test('register registers all ten schemas, and a second run returns the same ids', async () => {
    const topic = uniqueSubject('calls');
    const first = JSON.parse(await tidemarkDoneHere(['schemas', 'register', ...at(shared.url, topic), '--json']));
    expect(first).toEqual(
      kinds.map(kind => ({ subject: `${topic}-${kind}`, standing: 'registered', id: expect.any(Number), version: 1 })),
    );
    const again = JSON.parse(await tidemarkDoneHere(['schemas', 'register', ...at(shared.url, topic), '--json']));
    expect(again).toEqual(first);
    const told = await tidemarkDoneHere(['schemas', 'check', ...at(shared.url, topic)]);
    expect(told).toMatch(/^subject +standing +id +version$/m);
    for (const { subject, id } of first) expect(told).toMatch(new RegExp(`^${subject} +registered +${id} +1$`, 'm'));
  });

  test('the schemas of requests and statuses are registered under their topics', async () => {
    const topic = uniqueSubject('calls');
    const topics = ['--control-topic', `${topic}-c`, '--status-topic', `${topic}-s`];
    const rows = JSON.parse(
      await tidemarkDoneHere(['schemas', 'register', ...at(shared.url, topic), ...topics, '--json']),
    );
    expect(rows.slice(kinds.length)).toEqual([
      { subject: `${topic}-c-control.request`, standing: 'registered', id: expect.any(Number), version: 1 },
      { subject: `${topic}-s-control.status`, standing: 'registered', id: expect.any(Number), version: 1 },
    ]);
    const told = await tidemarkDoneHere(['schemas', 'check', ...at(shared.url, topic), ...topics]);
    expect(told).toMatch(new RegExp(`^${topic}-s-control.status +registered`, 'm'));
  });

  test('check registers nothing', async () => {
    const topic = uniqueSubject('unborn');
    const rows = JSON.parse(await tidemarkDoneHere(['schemas', 'check', ...at(shared.url, topic), '--json']));
    expect(rows).toEqual(
      kinds.map(kind => ({ subject: `${topic}-${kind}`, standing: 'new', id: null, version: null })),
    );
    const subjects = (await (await fetch(`${shared.url}/subjects`)).json()) as string[];
    expect(subjects.filter(subject => subject.startsWith(topic))).toEqual([]);
  });

  test("an incompatible schema is reported with the registry's reason, and then none is registered", async () => {
    const topic = uniqueSubject('taken');
    const subject = `${topic}-service.started`;
    // Ours lacks this field, which readers of the new schema could not do without.
    await register(shared.url, startedWith({ name: 'only_theirs', type: 'string' }), { subject });
    await setRule(shared.url, subject, 'FULL');
    for (const command of ['check', 'register']) {
      const { code, stdout, stderr } = await tidemarkHere(['schemas', command, ...at(shared.url, topic), '--json']);
      expect([code, stdout]).toEqual([65, '']);
      expect(JSON.parse(stderr)).toEqual({
        code: 'SCHEMA_INCOMPATIBLE',
        message: expect.stringMatching(
          new RegExp(`^${subject}: Tidemark's schema is not compatible with the registered one: the rule is FULL`),
        ),
      });
    }
    const subjects = (await (await fetch(`${shared.url}/subjects`)).json()) as string[];
    expect(subjects.filter(name => name.startsWith(topic))).toEqual([subject]);
  });

  test('a registry that denies access: 77, and the message does not show the password', async () => {
    const { url } = await registryProxy({
      url: shared.url,
      misbehave: ({ headers }, response) => {
        const isAlice = headers.authorization === `Basic ${Buffer.from('alice:wonderland').toString('base64')}`;
        if (!isAlice) response.writeHead(401).end();
        return !isAlice;
      },
    });
    const secret = path.join(folder.path, 'password');
    const args = [
      'schemas',
      'check',
      ...at(url, 'any'),
      '--registry-username',
      'alice',
      '--registry-password-file',
      secret,
    ];
    await writeFile(secret, 'hunter2\n');
    const { code, stderr } = await tidemarkHere(args);
    expect([code, stderr]).toEqual([
      77,
      expect.stringMatching(/401; check registry_username and registry_password \[REGISTRY_REFUSED\]/),
    ]);
    expect(stderr).not.toContain('hunter2');
    await writeFile(secret, 'wonderland\n');
    await tidemarkDoneHere(args);
  });
});

describe('a command is refused', () => {
  test.each([
    ['without a topic', 64, ['schemas', 'check'], /required option '--topic/],
    ['without registry_url', 78, ['schemas', 'check', '--topic', 'x'], /registry_url is null/],
    [
      'with a password in the address',
      78,
      ['schemas', 'check', ...at('http://a:hunter2@b', 'x')],
      /registry_url is "http:\/\/\*\*\*@b"; allowed is an address/,
    ],
    [
      'with a user but no password',
      78,
      ['schemas', 'check', ...at('http://b', 'x'), '--registry-username', 'a'],
      /registry_username and registry_password need each other/,
    ],
    [
      'with a missing file of authorities',
      78,
      ['schemas', 'check', ...at('http://b', 'x'), '--registry-ca-file', 'no.pem'],
      /registry_ca_file is "no\.pem"; it cannot be read: ENOENT/,
    ],
    [
      'when no registry listens at the address',
      69,
      ['schemas', 'check', ...at('http://127.0.0.1:1', 'x')],
      /is unavailable: .*ECONNREFUSED.*REGISTRY_UNREACHABLE/,
    ],
    [
      'when run has Avro statuses but no registry',
      78,
      ['run', '--status-format', 'avro'],
      /status_format avro needs registry_url/,
    ],
    [
      'when ingest has Avro keys but no registry',
      78,
      ['ingest', '-', '--key-format', 'avro'],
      /key_format avro needs registry_url/,
    ],
  ])('%s: %i', async (_, code, args, told) => {
    const end = await tidemarkHere(args, { cwd: folder.path });
    expect([end.code, end.stderr]).toEqual([code, expect.stringMatching(told)]);
    expect(end.stderr).not.toContain('hunter2');
  });
});
