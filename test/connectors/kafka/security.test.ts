import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { KafkaOptions } from '../../../connectors/kafka/client/options.ts';
import { KafkaCluster } from '../../../connectors/kafka/topics/cluster.ts';
import { kafkaOptionsOf } from '../../../ops/kafka-options.ts';
import { readConfig } from '../../../ops/settings/config.ts';
import type { Log } from '../../../pipeline/ports.ts';
import { TestCluster } from '../../support/kafka/cluster.ts';
import { canStartBroker } from '../../support/kafka/own-servers.ts';
import { boundedKafkaSource, LogLines } from '../../support/kafka/reading.ts';
import {
  type SecureBroker,
  type SecureListener,
  startSecureBroker,
  unsignedToken,
  user,
} from '../../support/kafka/secure-broker.ts';
import { readAll } from '../../support/reading.ts';
import { Service } from '../../support/service.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const ignore = (): void => undefined;
const quiet: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore };

type Settings = Readonly<Record<string, string>>;

/** The options that the service derives from settings in environment variables. */
function optionsOf(secure: SecureBroker, listener: SecureListener, settings: Settings): KafkaOptions {
  const given = { kafka_brokers: secure.address(listener), kafka_topics: 'any', ...settings };
  const environment = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [`TIDEMARK_${name.toUpperCase()}`, value]),
  );
  return kafkaOptionsOf(readConfig({ file: null, environment, flags: {} }).config);
}

/** Connects as the service does. Gives the cluster's id. */
async function connect(
  secure: SecureBroker,
  listener: SecureListener,
  settings: Settings,
  { log, signal }: { readonly log: Log; readonly signal?: AbortSignal } = { log: quiet },
) {
  const deadline = AbortSignal.any([AbortSignal.timeout(20_000), ...(signal === undefined ? [] : [signal])]);
  const cluster = await KafkaCluster.open(optionsOf(secure, listener, settings), log, deadline);
  onTestFinished(() => cluster.close());
  return cluster.clusterId;
}

describe.skipIf(!(await canStartBroker()))('a secured listener', () => {
  let secure: SecureBroker;
  beforeAll(async () => {
    secure = await startSecureBroker(afterAll);
  });
  const account = { kafka_sasl_username: user.username, kafka_sasl_password: user.password };
  const tls = () => ({ kafka_tls: 'true', kafka_tls_ca_file: secure.files.authority });
  const clientCertificate = () => ({
    kafka_tls_cert_file: secure.files.client.cert,
    kafka_tls_key_file: secure.files.client.key,
  });

  describe.each(['plain', 'scram-sha-256', 'scram-sha-512'])('SASL %s', mechanism => {
    test.each(['SASL', 'SASL_TLS'] as const)('admits the right password over %s', async listener => {
      const over = listener === 'SASL' ? {} : tls();
      await expect(
        connect(secure, listener, { kafka_sasl_mechanism: mechanism, ...account, ...over }),
      ).resolves.toBeTypeOf('string');
    });

    test('refuses a wrong password, and the error does not contain it', async () => {
      const wrong = { ...account, kafka_sasl_password: 'hunter2' };
      const refused = connect(secure, 'SASL', { kafka_sasl_mechanism: mechanism, ...wrong });
      await expect(refused).rejects.toMatchObject({
        code: 'SOURCE_REFUSED',
        message: expect.stringMatching(/the user or password is refused/),
      });
      await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining('hunter2') });
    });
  });

  describe('SASL OAUTHBEARER', () => {
    const oauth = { kafka_sasl_mechanism: 'oauthbearer' };

    describe.each(['SASL', 'SASL_TLS'] as const)('over %s', listener => {
      const by = (token: string) => {
        const over = listener === 'SASL' ? {} : tls();
        return connect(secure, listener, { ...oauth, ...over, kafka_oauth_token: token });
      };

      test('admits a valid token', async () => {
        await expect(by(unsignedToken('alice'))).resolves.toBeTypeOf('string');
      });

      test('refuses an expired token, and the error does not contain it', async () => {
        const expired = unsignedToken('alice', -60);
        const refused = by(expired);
        await expect(refused).rejects.toMatchObject({
          code: 'SOURCE_REFUSED',
          message: expect.stringMatching(/refuses the bearer token.*invalid_token/),
        });
        await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining(expired) });
      });
    });

    test('reads the token file again for each connection', async () => {
      const folder = await temporaryFolder();
      onTestFinished(folder.remove);
      const file = path.join(folder.path, 'token');
      await writeFile(file, `${unsignedToken('alice', -60)}\n`);
      const settings = { ...oauth, kafka_oauth_token_file: file };
      await expect(connect(secure, 'SASL', settings)).rejects.toMatchObject({ code: 'SOURCE_REFUSED' });
      await writeFile(file, `${unsignedToken('alice')}\n`);
      await expect(connect(secure, 'SASL', settings)).resolves.toBeTypeOf('string');
    });

    test('gets a token from a URL with client id and secret', async () => {
      const asked: string[] = [];
      const server = createServer((request, response) => {
        asked.push(String(request.headers.authorization));
        response
          .setHeader('content-type', 'application/json')
          .end(JSON.stringify({ access_token: unsignedToken('alice') }));
      });
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
      onTestFinished(() => void server.close());
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
      await expect(connect(secure, 'SASL', { ...oauth, ...account, kafka_oauth_token_url: url })).resolves.toBeTypeOf(
        'string',
      );
      expect(asked[0]).toBe(`Basic ${Buffer.from('alice:secret').toString('base64')}`);
    });
  });

  test.each([
    ['a password', 'SASL', () => ({ kafka_sasl_mechanism: 'plain', ...account })],
    ['a password over TLS', 'SASL_TLS', () => ({ kafka_sasl_mechanism: 'scram-sha-512', ...account, ...tls() })],
    ['a token', 'SASL', () => ({ kafka_sasl_mechanism: 'oauthbearer', kafka_oauth_token: unsignedToken('alice') })],
    [
      'a token over TLS',
      'SASL_TLS',
      () => ({ kafka_sasl_mechanism: 'oauthbearer', kafka_oauth_token: unsignedToken('alice'), ...tls() }),
    ],
    ['a client certificate', 'MUTUAL_TLS', () => ({ ...tls(), ...clientCertificate() })],
  ] as const)('records are read with %s, also for joining the group', async (_, listener, settings) => {
    const cluster = new TestCluster(secure.broker.brokers);
    const topic = await cluster.createTopic('secure', { partitions: 2 });
    await cluster.produce(topic, [
      { partition: 0, value: 'one' },
      { partition: 1, value: 'two' },
    ]);
    const names = { kafka_topics: topic, kafka_group: cluster.uniqueTopic('group') };
    const batches = await readAll(boundedKafkaSource(optionsOf(secure, listener, { ...settings(), ...names })));
    const values = batches.flatMap(({ records }) => records.map(({ value }) => String(value)));
    expect(values.toSorted()).toEqual(['one', 'two']);
  });

  test('a refused service stops with the reason, and no output contains its password', async () => {
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    const flags = ['--kafka-sasl-mechanism', 'scram-sha-512', '--kafka-sasl-username', user.username];
    const service = new Service({
      folder: folder.path,
      brokers: [secure.address('SASL')],
      topic: 'any',
      group: 'any',
      flags: [...flags, '--log-level', 'debug'],
      env: { TIDEMARK_KAFKA_SASL_PASSWORD: 'hunter2' },
    });
    const { code, stdout, stderr } = await service.ended;
    expect(code).toBe(77);
    expect(stderr).toMatch(/the user or password is refused.*\[SOURCE_REFUSED\]/);
    expect(stdout + stderr).not.toContain('hunter2');
  });

  test('TLS admits a client that knows the signing authority', async () => {
    await expect(connect(secure, 'TLS', tls())).resolves.toBeTypeOf('string');
  });

  test('mutual TLS admits a client with a certificate', async () => {
    await expect(connect(secure, 'MUTUAL_TLS', { ...tls(), ...clientCertificate() })).resolves.toBeTypeOf('string');
  });

  test.each([
    ['an unknown authority', 'TLS', () => ({ kafka_tls: 'true' }), /unknown authority; set kafka_tls_ca_file/],
    ['an expired certificate', 'EXPIRED', tls, /certificate has expired/],
    ['a self-signed certificate', 'SELF_SIGNED', tls, /certificate is self-signed/],
    ['a certificate for another host', 'OTHER_NAME', tls, /for another host name/],
    ['no client certificate where one is required', 'MUTUAL_TLS', tls, /requires a client certificate/],
    [
      'a SASL mechanism that the listener does not offer',
      'TLS',
      () => ({ ...tls(), kafka_sasl_mechanism: 'plain', ...account }),
      /SASL/,
    ],
  ] as const)('%s is refused, and the error names the reason', async (_, listener, settings, message) => {
    await expect(connect(secure, listener, settings())).rejects.toMatchObject({
      code: 'SOURCE_REFUSED',
      retry: false,
      message: expect.stringMatching(message),
    });
  });

  test.each([
    ['plain text on a TLS port', 'TLS', () => ({}), /perhaps this port requires TLS/],
    ['TLS on a plain port', 'SASL', tls, /perhaps this port does not use TLS/],
  ] as const)(
    '%s may be a temporary failure, so it is retried, and the log names the likely setting',
    async (_, listener, settings, hint) => {
      const log = new LogLines();
      const hinted = new AbortController();
      const watching: Log = {
        ...quiet,
        warn(facts, sentence) {
          log.warn(facts, sentence);
          if (hint.test(sentence)) hinted.abort();
        },
      };
      const opening = connect(secure, listener, settings(), { log: watching, signal: hinted.signal });
      await expect(opening).rejects.toMatchObject({ code: 'INTERRUPTED' });
      expect(log.lines.map(({ sentence }) => sentence)).toContainEqual(expect.stringMatching(hint));
    },
  );
});
