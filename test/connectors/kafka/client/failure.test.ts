import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { kafkaFailure } from '../../../../connectors/kafka/client/failure.ts';
import { DamagedBatch } from '../../../../connectors/kafka/records/record-batches.ts';
import { isPassing, TidemarkError } from '../../../../pipeline/errors.ts';

const require = createRequire(import.meta.url);
const errors = require('kafkajs/src/errors.js');
const { createErrorFromCode, errorCodes } = require('kafkajs/src/protocol/error.js') as {
  createErrorFromCode(code: number): Error;
  errorCodes: readonly { type: string; code: number; retriable: boolean }[];
};

const brokers = ['one:9092'];
const rights = { topic: 'DESCRIBE on topic calls', group: 'READ on group loaders' };
const failureOf = (error: unknown) => kafkaFailure(error, { what: 'look', brokers, rights });
const answer = (type: string): Error =>
  new errors.KafkaJSProtocolError({ ...errorCodes.find(of => of.type === type), message: `in words: ${type}` });
const triedOften = (error: Error): Error => new errors.KafkaJSNumberOfRetriesExceeded(error, {});
const wrapped = (error: Error): Error => new errors.KafkaJSNonRetriableError(error, { cause: error });

describe('what passes is tried again', () => {
  test.each([
    ['a connection', new errors.KafkaJSConnectionError('connect ECONNREFUSED', { code: 'ECONNREFUSED' })],
    ['a connection that ended', new errors.KafkaJSConnectionClosedError('Closed connection', {})],
    ['a request without an answer', triedOften(new errors.KafkaJSRequestTimeoutError('Request Fetch timed out'))],
    ['no broker', new errors.KafkaJSNoBrokerAvailableError()],
    ['no coordinator', new errors.KafkaJSGroupCoordinatorNotFound('Failed to find group coordinator')],
    ['metadata that is not there yet', triedOften(new errors.KafkaJSMetadataNotLoaded('Topic metadata not loaded'))],
    ['a rebalance', new errors.KafkaJSError(answer('REBALANCE_IN_PROGRESS'))],
    ['a leader that moves', triedOften(answer('NOT_LEADER_FOR_PARTITION'))],
    ['a member that is forgotten', wrapped(answer('UNKNOWN_MEMBER_ID'))],
    ['a producer that is forgotten', wrapped(answer('UNKNOWN_PRODUCER_ID'))],
    ['an answer that is newer than the client', createErrorFromCode(30_000)],
    [
      'a connection that ends while we say who we are',
      new errors.KafkaJSSASLAuthenticationError('SASL PLAIN authentication failed: Connection closed by the server'),
    ],
  ])('%s', (_, error) => {
    const failure = failureOf(error);
    expect(failure).toMatchObject({ code: 'SOURCE_UNREACHABLE', cause: error });
    expect(isPassing(failure)).toBe(true);
  });
});

describe('what a broker refuses ends it, and says why', () => {
  test.each([
    ['the right to a topic', answer('TOPIC_AUTHORIZATION_FAILED'), /we lack the right DESCRIBE on topic calls/],
    ['the right to a group', wrapped(answer('GROUP_AUTHORIZATION_FAILED')), /we lack the right READ on group loaders/],
    [
      'the right to the topic of a fetch',
      wrapped(Object.assign(answer('TOPIC_AUTHORIZATION_FAILED'), { topic: 'other' })),
      /we lack the right READ on topic other/,
    ],
    ['a right that nobody names', answer('CLUSTER_AUTHORIZATION_FAILED'), /a right to do so is missing/],
    ['a password', new errors.KafkaJSSASLAuthenticationError('SASL PLAIN authentication failed: no'), /password/],
    [
      'a mechanism',
      new errors.KafkaJSSASLAuthenticationError('SASL PLAIN mechanism is not supported by the server'),
      /another SASL mechanism/,
    ],
    ['a request', wrapped(answer('INVALID_REQUEST')), /does not do what it is asked.*in words: INVALID_REQUEST/],
    ['a request that it does not know', new errors.KafkaJSServerDoesNotSupportApiKey('no', {}), /does not do/],
  ])('%s', (_, error, says) => {
    const message = expect.stringMatching(says);
    expect(failureOf(error)).toMatchObject({ code: 'SOURCE_REFUSED', retry: false, cause: error, message });
  });
});

test('a setting that the broker finds fault with is named', () => {
  expect(failureOf(wrapped(answer('INVALID_SESSION_TIMEOUT')))).toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(/kafka_session_timeout_ms lies outside.*group\.min\.session\.timeout\.ms/),
  });
});

test('damaged records are not tried again', () => {
  const error = triedOften(new DamagedBatch('calls/0: its CRC is wrong'));
  expect(failureOf(error)).toMatchObject({ code: 'SOURCE_CORRUPT', message: expect.stringMatching(/CRC/) });
});

test('an error of ours stays what it is, however it is wrapped', () => {
  const ours = new TidemarkError('RECORDS_LOST', 'gone');
  expect(failureOf(triedOften(ours))).toBe(ours);
});

/** As its own code throws it when a connection was taken, but ApiVersions never answered. */
function brokenClient(): Error {
  const Broker = require('kafkajs/src/broker/index.js');
  const connectionPool = { host: 'one', port: 9092, connectionTimeout: 1 };
  try {
    new Broker({ connectionPool, logger: { namespace: () => null } }).lookupRequest(3, {});
  } catch (error) {
    return error as Error;
  }
  throw new Error('kafkajs does not mind a broker without versions any more');
}

test('what breaks in the client itself is tried again', () => {
  const error = brokenClient();
  expect([error.name, error.message]).toEqual(['Error', 'Broker not connected']);
  const message = 'could not look at one:9092: the client broke (Broker not connected)';
  expect(failureOf(triedOften(error))).toMatchObject({ code: 'SOURCE_UNREACHABLE', retry: true, message });
});

describe('what is no trouble of Kafka comes back as it was', () => {
  const bug = new TypeError('x is not a function');
  test.each([
    ['as it is', bug, bug],
    ['wrapped by the client', wrapped(bug), bug],
    ['tried often', triedOften(new Error('odd')), expect.objectContaining({ message: 'odd' })],
    ['a use of the client that is wrong', new errors.KafkaJSNonRetriableError('Invalid topic 7'), expect.anything()],
    ['no error at all', 'words', 'words'],
  ])('%s', (_, error, expected) => {
    const failure = failureOf(error);
    expect(failure).toEqual(expected);
    expect(failure).not.toBeInstanceOf(TidemarkError);
    expect(isPassing(failure)).toBe(false);
  });
});
