import { TidemarkError } from '../../../pipeline/errors.ts';
import { type KafkaJsError, misconfiguration, type Rights, refusal } from './refusals.ts';

/** What was attempted, for the error message. */
interface Attempt {
  /** Completes the sentence "could not …". */
  readonly what: string;
  readonly brokers: readonly string[];
  /** The rights that the attempt needs. */
  readonly rights?: Rights;
}

/** Errors in which kafkajs wraps others; only their cause matters. */
const wrappers = new Set(['KafkaJSNonRetriableError', 'KafkaJSNumberOfRetriesExceeded']);

/** Errors of kafkajs that a later attempt may not get: brokers are away, start, stop, or do not know each other yet. */
const temporaryErrors = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSTimeout',
  'KafkaJSLockTimeout',
  'KafkaJSNoBrokerAvailableError',
  'KafkaJSBrokerNotFound',
  'KafkaJSMetadataNotLoaded',
  'KafkaJSTopicMetadataNotLoaded',
  'KafkaJSStaleTopicMetadataAssignment',
  'KafkaJSGroupCoordinatorNotFound',
]);

/** Broker errors that kafkajs does not retry, but that a new member, a new producer or time resolves. */
const temporaryAnswers = new Set([
  'UNKNOWN',
  'BROKER_NOT_AVAILABLE',
  'STALE_BROKER_EPOCH',
  'OFFSET_OUT_OF_RANGE',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'REBALANCE_IN_PROGRESS',
  'INCONSISTENT_GROUP_PROTOCOL',
  'GROUP_MAX_SIZE_REACHED',
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  // An error code that kafkajs does not know. Newer brokers have more codes; most of them are temporary.
  'KAFKAJS_UNKNOWN_ERROR_CODE',
]);

/**
 * Translates an error of kafkajs into a `TidemarkError` that keeps it as its cause:
 * `SOURCE_UNREACHABLE` for a temporary error, which the callers retry; `SOURCE_REFUSED` when a broker refuses the
 * credentials, a right or the request itself; `CONFIG_INVALID` when a setting is wrong. A `TidemarkError` comes back
 * unchanged. Any other error is a bug of this program and comes back unwrapped, because no retry resolves it.
 */
export function kafkaFailure(error: unknown, { what, brokers, rights = {} }: Attempt): unknown {
  const chain = causes(error);
  const known = chain.find(cause => cause instanceof TidemarkError);
  if (known !== undefined) return known;
  const errors = chain.filter(({ name, cause }) => !(wrappers.has(name) && cause instanceof Error));
  const reason = errors[0]?.message ?? String(error);
  const at = `could not ${what} at ${brokers.join(', ')}`;
  const fault = refusal(errors, rights);
  if (fault !== null) return new TidemarkError('SOURCE_REFUSED', `${at}: ${fault} (${reason})`, { cause: error });
  const setting = misconfiguration(errors);
  if (setting !== null) return new TidemarkError('CONFIG_INVALID', `${at}: ${setting} (${reason})`, { cause: error });
  if (errors.some(isTemporaryError)) {
    const hint = hints.find(([pattern]) => pattern.test(reason))?.[1] ?? '';
    return new TidemarkError('SOURCE_UNREACHABLE', `${at}: ${reason}${hint}`, { cause: error });
  }
  if (errors[0] !== undefined && isBugOfClient(errors[0]))
    return new TidemarkError('SOURCE_UNREACHABLE', `${at}: the Kafka client failed (${reason})`, { cause: error });
  if (errors.some(isAnswerOfBroker)) {
    return new TidemarkError('SOURCE_REFUSED', `${at}: the broker refuses the request (${reason})`, { cause: error });
  }
  return errors[0] ?? error;
}

/**
 * Settings that may be wrong when a connection ends without a reason. It also ends so when the broker shuts down, so these
 * are only hints.
 */
const hints: readonly (readonly [RegExp, string])[] = [
  [/before secure TLS connection/i, '; perhaps this port does not use TLS (kafka_tls)'],
  [/Closed connection/i, '; perhaps this port requires TLS (kafka_tls) or SASL'],
];

function isTemporaryError({ name, type, retriable }: KafkaJsError): boolean {
  // kafkajs throws a plain KafkaJSError to start one of its own steps again.
  if (temporaryErrors.has(name) || (name === 'KafkaJSError' && retriable === true)) return true;
  // The connection ended during authentication. A refused password was recognised before (see `refusal`).
  if (name === 'KafkaJSSASLAuthenticationError') return true;
  return type !== undefined && (retriable === true || temporaryAnswers.has(type));
}

/**
 * True for an error that kafkajs's own code throws by mistake; a new attempt succeeds. Known ones: kafkajs uses a connection
 * before the broker has answered on it (`Broker not connected`); two metadata requests disturb each other (`TypeError`).
 */
function isBugOfClient({ name, stack = '' }: Error): boolean {
  const origin = stack.split('\n').find(line => /^\s+at /.test(line) && !line.includes('node:'));
  return !name.startsWith('KafkaJS') && origin !== undefined && /[\\/]kafkajs[\\/]src[\\/]/.test(origin);
}

function isAnswerOfBroker({ name, type }: KafkaJsError): boolean {
  return type !== undefined || name === 'KafkaJSServerDoesNotSupportApiKey';
}

/** True when a broker answered with one of these error types, however deep kafkajs wrapped the error. */
export function hasErrorType(error: unknown, ...types: readonly string[]): boolean {
  return causes(error).some(({ type }) => type !== undefined && types.includes(type));
}

/** The topic that a request about several topics failed for; null when the error names none. */
export function topicOf(error: unknown): string | null {
  return causes(error).find(({ topic }) => topic !== undefined)?.topic ?? null;
}

/** The error, its cause, the cause of that and so on, outermost first. */
function causes(error: unknown): readonly KafkaJsError[] {
  const chain: Error[] = [];
  for (let at = error; at instanceof Error && !chain.includes(at); at = at.cause) chain.push(at);
  return chain;
}
