import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { kafkaFailure } from '../../../../connectors/kafka/client/failure.ts';
import { isTemporary, TidemarkError } from '../../../../pipeline/errors.ts';

const require = createRequire(import.meta.url);
const errors = require('kafkajs/src/errors.js');
const { createErrorFromCode, errorCodes } = require('kafkajs/src/protocol/error.js') as {
  createErrorFromCode(code: number): Error;
  errorCodes: readonly { type: string; code: number; retriable: boolean }[];
};

const brokers = ['one:9092'];
const rights = { topic: { right: 'DESCRIBE', topics: ['calls'] }, group: 'READ on group loaders' };
const failureOf = (error: unknown) => kafkaFailure(error, { what: 'look', brokers, rights });
const answer = (type: string): Error =>
  new errors.KafkaJSProtocolError({ ...errorCodes.find(of => of.type === type), message: `in words: ${type}` });
const afterRetries = (error: Error): Error => new errors.KafkaJSNumberOfRetriesExceeded(error, {});
const wrapped = (error: Error): Error => new errors.KafkaJSNonRetriableError(error, { cause: error });

describe('a temporary error is retried', () => {
  test.each([
    ['a refused connection', new errors.KafkaJSConnectionError('connect ECONNREFUSED', { code: 'ECONNREFUSED' })],
    ['a connection that the broker closed', new errors.KafkaJSConnectionClosedError('Closed connection', {})],
    ['a request without an answer', afterRetries(new errors.KafkaJSRequestTimeoutError('Request Fetch timed out'))],
    ['no broker', new errors.KafkaJSNoBrokerAvailableError()],
    ['no coordinator', new errors.KafkaJSGroupCoordinatorNotFound('Failed to find group coordinator')],
    ['metadata that is not loaded yet', afterRetries(new errors.KafkaJSMetadataNotLoaded('Topic metadata not loaded'))],
    ['a rebalance', new errors.KafkaJSError(answer('REBALANCE_IN_PROGRESS'))],
    ['a partition whose leader moves', afterRetries(answer('NOT_LEADER_FOR_PARTITION'))],
    ['a member that the group has forgotten', wrapped(answer('UNKNOWN_MEMBER_ID'))],
    ['a producer that the broker has forgotten', wrapped(answer('UNKNOWN_PRODUCER_ID'))],
    ['an error code that kafkajs does not know', createErrorFromCode(30_000)],
    [
      'a connection that ends during authentication',
      new errors.KafkaJSSASLAuthenticationError('SASL PLAIN authentication failed: Connection closed by the server'),
    ],
  ])('%s', (_, error) => {
    const failure = failureOf(error);
    expect(failure).toMatchObject({ code: 'SOURCE_UNREACHABLE', cause: error });
    expect(isTemporary(failure)).toBe(true);
  });
});

// kafkajs reports the end of a connection as a refused password.
test.each([
  'Closed connection',
  'Connection closed by the server',
  'Connection error: read ECONNRESET',
  'Connection timeout',
  'Not connected',
  'Request SaslAuthenticate(key: 36, version: 1) timed out',
])('a login that ends with "%s" is retried, as nobody refused the password', ending => {
  const error = new errors.KafkaJSSASLAuthenticationError(`SASL PLAIN authentication failed: ${ending}`);
  expect(failureOf(error)).toMatchObject({ code: 'SOURCE_UNREACHABLE', cause: error });
});

describe('a refusal is final, and the error gives the reason', () => {
  test.each([
    ['the right to a topic', answer('TOPIC_AUTHORIZATION_FAILED'), /Tidemark lacks the right DESCRIBE on topic calls/],
    [
      'the right to a group',
      wrapped(answer('GROUP_AUTHORIZATION_FAILED')),
      /Tidemark lacks the right READ on group loaders/,
    ],
    [
      'the right to the topic that the error names',
      wrapped(Object.assign(answer('TOPIC_AUTHORIZATION_FAILED'), { topic: 'other' })),
      /Tidemark lacks the right DESCRIBE on topic other/,
    ],
    [
      'a right that the broker does not name',
      answer('CLUSTER_AUTHORIZATION_FAILED'),
      /lacks a right that the broker does not/,
    ],
    ['a password', new errors.KafkaJSSASLAuthenticationError('SASL PLAIN authentication failed: no'), /password/],
    [
      'a mechanism',
      new errors.KafkaJSSASLAuthenticationError('SASL PLAIN mechanism is not supported by the server'),
      /does not offer this SASL mechanism/,
    ],
    ['a request', wrapped(answer('INVALID_REQUEST')), /the broker refuses the request.*in words: INVALID_REQUEST/],
    [
      'a request that the broker does not know',
      new errors.KafkaJSServerDoesNotSupportApiKey('no', {}),
      /refuses the request/,
    ],
  ])('%s', (_, error, reason) => {
    const message = expect.stringMatching(reason);
    expect(failureOf(error)).toMatchObject({ code: 'SOURCE_REFUSED', retry: false, cause: error, message });
  });
});

test('a setting that the broker rejects is named', () => {
  expect(failureOf(wrapped(answer('INVALID_SESSION_TIMEOUT')))).toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(/kafka_session_timeout_ms is outside the range.*group\.min\.session\.timeout\.ms/),
  });
});

test('a TidemarkError comes back unchanged, however kafkajs wrapped it', () => {
  const original = new TidemarkError('RECORDS_LOST', 'gone');
  expect(failureOf(afterRetries(original))).toBe(original);
});

/** The error that kafkajs itself throws when a broker accepted the connection but never answered ApiVersions. */
function brokenClient(): Error {
  const Broker = require('kafkajs/src/broker/index.js');
  const connectionPool = { host: 'one', port: 9092, connectionTimeout: 1 };
  try {
    new Broker({ connectionPool, logger: { namespace: () => null } }).lookupRequest(3, {});
  } catch (error) {
    return error as Error;
  }
  throw new Error('kafkajs no longer throws for a broker without versions');
}

test("an error of the client's own code is retried", () => {
  const error = brokenClient();
  expect([error.name, error.message]).toEqual(['Error', 'Broker not connected']);
  const message = 'could not look at one:9092: the Kafka client failed (Broker not connected)';
  expect(failureOf(afterRetries(error))).toMatchObject({ code: 'SOURCE_UNREACHABLE', retry: true, message });
});

describe('an error that is not about Kafka comes back unwrapped', () => {
  const bug = new TypeError('x is not a function');
  test.each([
    ['not wrapped', bug, bug],
    ['wrapped by kafkajs', wrapped(bug), bug],
    ['after several attempts of kafkajs', afterRetries(new Error('odd')), expect.objectContaining({ message: 'odd' })],
    ['a wrong use of kafkajs', new errors.KafkaJSNonRetriableError('Invalid topic 7'), expect.anything()],
    ['a value that is no Error', 'words', 'words'],
  ])('%s', (_, error, expected) => {
    const failure = failureOf(error);
    expect(failure).toEqual(expected);
    expect(failure).not.toBeInstanceOf(TidemarkError);
    expect(isTemporary(failure)).toBe(false);
  });
});
