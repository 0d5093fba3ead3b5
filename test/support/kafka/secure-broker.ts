import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { Broker } from '../../../ops/local-kafka/broker.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { type Certificates, makeCertificates } from './certificates.ts';
import { startBroker } from './own-servers.ts';

/** The account that the broker knows for every SASL mechanism. */
export const user = { username: 'alice', password: 'secret' };

/** Its listeners besides the plain one. Those of SASL offer PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER. */
const listeners = {
  SASL: 'SASL_PLAINTEXT',
  SASL_TLS: 'SASL_SSL',
  TLS: 'SSL',
  /** Requires a client certificate. */
  MUTUAL_TLS: 'SSL',
  EXPIRED: 'SSL',
  SELF_SIGNED: 'SSL',
  /** Its certificate is for another host. */
  OTHER_NAME: 'SSL',
} as const;

export type SecureListener = keyof typeof listeners;

export interface SecureBroker {
  readonly broker: Broker;
  /** Paths of the certificates and keys. */
  readonly files: Certificates;
  /** The content of the authority's certificate and of the client's files. */
  readonly ca: string;
  readonly client: { readonly key: string; readonly cert: string };
  address(listener: SecureListener): string;
}

/**
 * Starts a broker with a listener for each kind of security. It stops when the test ends, or when `stopper` runs its
 * hook.
 */
export async function startSecureBroker(stopper = onTestFinished): Promise<SecureBroker> {
  const folder = await temporaryFolder();
  stopper(folder.remove);
  const files = await makeCertificates(path.join(folder.path, 'certificates'));
  const scram = ['SHA-256', 'SHA-512'].flatMap(hash => [
    '--add-scram',
    `SCRAM-${hash}=[name=${user.username},password=${user.password}]`,
  ]);
  const broker = await startBroker({ listeners, properties: properties(files), formatArgs: scram }, stopper);
  const text = (file: string) => readFile(file, 'utf8');
  return {
    broker,
    files,
    ca: await text(files.authority),
    client: { key: await text(files.client.key), cert: await text(files.client.cert) },
    address: listener => broker.address(listener),
  };
}

/** A token without a signature, which Kafka's test validator for OAUTHBEARER accepts. */
export function unsignedToken(subject: string, lifetimeSeconds = 600): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (claims: object) => Buffer.from(JSON.stringify(claims)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ sub: subject, iat: now, exp: now + lifetimeSeconds })}.`;
}

function properties({ authority, stores }: Certificates): Record<string, string> {
  const own = { EXPIRED: stores.expired, SELF_SIGNED: stores.selfsigned, OTHER_NAME: stores.othername };
  const stored = Object.entries(own).flatMap(([listener, store]) => {
    const name = `listener.name.${listener.toLowerCase()}.ssl.keystore`;
    return [
      [`${name}.type`, 'PEM'],
      [`${name}.location`, store],
    ];
  });
  return {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': stores.good,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': authority,
    'listener.name.mutual_tls.ssl.client.auth': 'required',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    ...saslProperties('sasl'),
    ...saslProperties('sasl_tls'),
    ...Object.fromEntries(stored),
  };
}

function saslProperties(listener: string): Record<string, string> {
  const security = 'org.apache.kafka.common.security';
  const name = (mechanism: string) => `listener.name.${listener}.${mechanism}`;
  const scram = `${security}.scram.ScramLoginModule required;`;
  return {
    [`${name('plain')}.sasl.jaas.config`]: `${security}.plain.PlainLoginModule required user_${user.username}="${user.password}";`,
    [`${name('scram-sha-256')}.sasl.jaas.config`]: scram,
    [`${name('scram-sha-512')}.sasl.jaas.config`]: scram,
    [`${name('oauthbearer')}.sasl.jaas.config`]: `${security}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
    [`${name('oauthbearer')}.sasl.server.callback.handler.class`]: `${security}.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler`,
  };
}
