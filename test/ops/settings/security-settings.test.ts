import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { plainTextWarnings } from '../../../ops/commands/run.ts';
import { kafkaOptionsOf } from '../../../ops/kafka-options.ts';
import { readConfig } from '../../../ops/settings/config.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { startTidemark } from '../../support/tidemark.ts';

function configOf(given: Readonly<Record<string, string>>) {
  const environment = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [`TIDEMARK_${name.toUpperCase()}`, value]),
  );
  return readConfig({ file: '/dev/null', environment, flags: {} }).config;
}

const kafka = { kafka_brokers: 'a:1', kafka_topics: 'calls' };
const account = { kafka_sasl_username: 'me', kafka_sasl_password: 'hunter2' };
const registryAccount = { registry_username: 'me', registry_password: 'hunter2' };

test.each([
  ['a password', { kafka_sasl_mechanism: 'plain', ...account }, [/^kafka_sasl_password is sent to the brokers/]],
  [
    'a token',
    { kafka_sasl_mechanism: 'oauthbearer', kafka_oauth_token: 't' },
    [/^the bearer token is sent to the brokers/],
  ],
  [
    'a client secret and a token',
    { kafka_sasl_mechanism: 'oauthbearer', kafka_oauth_token_url: 'http://idp/token', ...account },
    [/^the bearer token/, /^kafka_sasl_password is sent to kafka_oauth_token_url/],
  ],
  ['the account of the registry', { registry_url: 'http://r', ...registryAccount }, [/^registry_password is sent to/]],
])('a warning for what is sent in plain text: %s', (_, given, told) => {
  const sentences = plainTextWarnings(configOf({ ...kafka, ...given }));
  expect(sentences).toEqual(told.map(sentence => expect.stringMatching(sentence)));
  expect(sentences.join()).not.toContain('hunter2');
});

test.each([
  ['a password over TLS', { kafka_sasl_mechanism: 'plain', kafka_tls: 'true', ...account }],
  ['a SCRAM password, which is not sent', { kafka_sasl_mechanism: 'scram-sha-512', ...account }],
  ['a registry without an account', { registry_url: 'http://r' }],
  ['a registry over https', { registry_url: 'https://r', ...registryAccount }],
  [
    'all of OAuth over TLS',
    { kafka_sasl_mechanism: 'oauthbearer', kafka_oauth_token_url: 'https://i', kafka_tls: 'true', ...account },
  ],
])('no warning for %s', (_, given) => {
  expect(plainTextWarnings(configOf({ ...kafka, ...given }))).toEqual([]);
});

test('client id and secret are form-encoded before they are joined', async () => {
  const asked: (readonly [string | undefined, string])[] = [];
  const server = createServer(async (request, response) => {
    asked.push([request.headers.authorization, await text(request)]);
    response.setHeader('content-type', 'application/json').end('{"access_token":"t"}');
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { sasl } = kafkaOptionsOf(
    configOf({
      ...kafka,
      kafka_sasl_mechanism: 'oauthbearer',
      kafka_sasl_username: 'a:b',
      kafka_sasl_password: 'ü %+',
      kafka_oauth_token_url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    }),
  ).security;
  expect(sasl?.mechanism === 'oauthbearer' ? await sasl.token() : null).toBe('t');
  const account = Buffer.from('a%3Ab:%C3%BC+%25%2B').toString('base64');
  expect(asked).toEqual([[`Basic ${account}`, 'grant_type=client_credentials']]);
});

test('a service does not start when Node is set to check no certificates', async () => {
  const { ended } = startTidemark(['run', '--log-folder', 'log'], { env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } });
  const { code, stderr } = await ended;
  expect(code).toBe(78);
  expect(stderr).toMatch(/^tidemark: NODE_TLS_REJECT_UNAUTHORIZED is "0".*\[CONFIG_INVALID\]$/m);
});

test('the warning for a secret in plain text is logged at the start', async () => {
  // Without a folder or a broker there is no source, so it ends by itself.
  const env = { TIDEMARK_REGISTRY_URL: 'http://r', TIDEMARK_REGISTRY_USERNAME: 'me', TIDEMARK_REGISTRY_PASSWORD: 'x' };
  const folder = await temporaryFolder();
  onTestFinished(() => folder.remove());
  const { stdout } = await startTidemark(['run', '--http-port', '0'], { cwd: folder.path, env }).ended;
  expect(JSON.parse(stdout.split('\n')[0]!)).toMatchObject({
    level: 'warn',
    msg: 'registry_password is sent to registry_url in plain text: use https',
  });
});
