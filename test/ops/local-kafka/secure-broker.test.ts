import type { KafkaConfig } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestCluster } from '../../support/kafka/cluster.ts';
import { canStartBroker } from '../../support/kafka/own-servers.ts';
import {
  type SecureBroker,
  type SecureListener,
  startSecureBroker,
  unsignedToken,
  user,
} from '../../support/kafka/secure-broker.ts';

describe.skipIf(!(await canStartBroker()))('a secure broker', () => {
  let secure: SecureBroker;
  beforeAll(async () => {
    secure = await startSecureBroker(afterAll);
  });

  /** How many brokers a client sees that comes this way; it tries once. */
  function brokersSeen(listener: SecureListener, config: Partial<KafkaConfig>): Promise<number> {
    const cluster = new TestCluster([secure.address(listener)]);
    const admin = cluster.client({ retry: { retries: 0 }, ...config }).admin();
    return admin
      .connect()
      .then(() => admin.describeCluster())
      .then(({ brokers }) => brokers.length)
      .finally(() => admin.disconnect());
  }

  const trusting = () => ({ ca: [secure.ca] });
  const bearer = (token: () => string): Partial<KafkaConfig> => ({
    sasl: { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: token() }) },
  });
  const passwords = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
  const withPassword = (mechanism: (typeof passwords)[number], password: string): Partial<KafkaConfig> => ({
    sasl: { ...user, password, mechanism } as NonNullable<KafkaConfig['sasl']>,
  });

  test.each(passwords)('%s accepts the right password and refuses a wrong one', async mechanism => {
    const right = withPassword(mechanism, user.password);
    expect(await brokersSeen('SASL', right)).toBe(1);
    expect(await brokersSeen('SASL_TLS', { ...right, ssl: trusting() })).toBe(1);
    const wrong = withPassword(mechanism, 'guessed');
    await expect(brokersSeen('SASL', wrong)).rejects.toThrow(/authentication/i);
    await expect(brokersSeen('SASL_TLS', { ...wrong, ssl: trusting() })).rejects.toThrow(/authentication/i);
  });

  test('a token is accepted while it is valid', async () => {
    expect(
      await brokersSeen(
        'SASL',
        bearer(() => unsignedToken('alice')),
      ),
    ).toBe(1);
    await expect(
      brokersSeen(
        'SASL',
        bearer(() => unsignedToken('alice', -60)),
      ),
    ).rejects.toThrow(/./);
  });

  test('TLS works only for a client that trusts the signing authority', async () => {
    expect(await brokersSeen('TLS', { ssl: trusting() })).toBe(1);
    await expect(brokersSeen('TLS', { ssl: true })).rejects.toThrow(/verify/);
  });

  test('mutual TLS works only with a client certificate', async () => {
    expect(await brokersSeen('MUTUAL_TLS', { ssl: { ...trusting(), ...secure.client } })).toBe(1);
    await expect(brokersSeen('MUTUAL_TLS', { ssl: trusting() })).rejects.toThrow(/./);
  });

  test.each([
    ['EXPIRED', /expired/],
    ['SELF_SIGNED', /self-signed|self signed/],
    ['OTHER_NAME', /altnames/],
  ] as const)('a server certificate that is %s is refused', async (listener, words) => {
    await expect(brokersSeen(listener, { ssl: trusting() })).rejects.toThrow(words);
  });
});
