import { isIP } from 'node:net';
import { connect } from 'node:tls';
import type { ISocketFactory, Kafka, KafkaConfig, LogEntry } from 'kafkajs';
import type { Log } from '../../../pipeline/ports.ts';
import { lastGood } from '../../last-good.ts';
import { loadKafkaJs } from './load-kafkajs.ts';
import { oauthBearer } from './oauth-bearer.ts';
import type { KafkaOptions, Sasl, TlsFiles } from './options.ts';

/** Few and short attempts, because the callers retry themselves and stop when their signal aborts. */
const retry = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 3 };

/** How long a connection is silent before the system checks that it is alive; kafkajs's own value. */
const keepAliveMs = 60_000;

/** Makes a client; nothing is connected yet. Throws `CONFIG_INVALID` for TLS files that cannot be used. */
export function createClient({ brokers, security }: Pick<KafkaOptions, 'brokers' | 'security'>, log: Log): Kafka {
  const { Kafka, logLevel } = loadKafkaJs();
  const config: KafkaConfig = {
    clientId: 'tidemark',
    brokers: () => inRandomRotation(brokers),
    retry,
    connectionTimeout: 5_000,
    authenticationTimeout: 10_000,
    requestTimeout: 15_000,
    logLevel: logLevel.WARN,
    logCreator: () => entry => logDebug(entry, log),
    ...(security.tls === null ? {} : { ssl: true, socketFactory: tlsSockets(security.tls, log) }),
    ...(security.sasl === null ? {} : { sasl: saslOf(security.sasl) }),
  };
  return new Kafka(config);
}

/**
 * kafkajs connects to the first broker of the list and stays with it even when that broker accepts the connection but never
 * answers. With a random start the next attempt tries another one.
 */
function inRandomRotation(brokers: readonly string[]): string[] {
  const first = Math.floor(Math.random() * brokers.length);
  return [...brokers.slice(first), ...brokers.slice(0, first)];
}

/** kafkajs's own messages go to the debug level: it retries most problems, and Tidemark reports those that remain. */
function logDebug(
  { namespace, log: { message, timestamp: _, logger: __, stack: ___, ...facts } }: LogEntry,
  log: Log,
): void {
  log.debug({ client: `kafkajs ${namespace}`.trim(), ...withoutErrors(facts) }, message);
}

/** Replaces errors by their messages, because an operator does not need the stack traces of kafkajs. */
function withoutErrors(facts: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [name, value instanceof Error ? value.message : value]),
  );
}

/** Connects as kafkajs does, but with the certificates and key that the files hold at that moment. */
function tlsSockets(files: TlsFiles, log: Log): ISocketFactory {
  const texts = lastGood(files.read, reason =>
    log.warn(
      { code: 'CONFIG_INVALID', reason },
      'a changed file of certificates cannot be used; its former content stays',
    ),
  );
  return ({ host, port, onConnect }) => {
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = connect({ host, port, ...name, ...texts() }, onConnect);
    return socket.setKeepAlive(true, keepAliveMs);
  };
}

function saslOf(sasl: Sasl): NonNullable<KafkaConfig['sasl']> {
  if (sasl.mechanism === 'oauthbearer') return oauthBearer(sasl.token);
  const account = { username: sasl.username, password: sasl.password() };
  switch (sasl.mechanism) {
    case 'plain':
      return { mechanism: 'plain', ...account };
    case 'scram-sha-256':
      return { mechanism: 'scram-sha-256', ...account };
    case 'scram-sha-512':
      return { mechanism: 'scram-sha-512', ...account };
  }
}
