import { TidemarkError } from '../../../pipeline/errors.ts';
import { type KafkaJsError, misconfiguration, type Rights, refusal } from './refusals.ts';

/** What was tried, for the error that says it failed. */
export interface Attempt {
  /** Reads on from "could not". */
  readonly what: string;
  readonly brokers: readonly string[];
  readonly rights?: Rights;
}

/** Errors in which kafkajs wraps others: what counts is their cause. */
const wrappers = new Set(['KafkaJSNonRetriableError', 'KafkaJSNumberOfRetriesExceeded']);

/** What the client meets when brokers are away, come, go, or know less of each other than it does. */
const passing = new Set([
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

/** Answers of brokers that kafkajs does not try again, and that another member, producer or time mends. */
const passingAnswers = new Set([
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
  // One that kafkajs has no word for: newer brokers have more of them, mostly such as pass.
  'KAFKAJS_UNKNOWN_ERROR_CODE',
]);

/**
 * An error of kafkajs in our words, its cause kept: `SOURCE_UNREACHABLE` for what passes, so that it is tried again;
 * `SOURCE_REFUSED` where a broker says no, be it to who we are, to what we may, or to what we ask; `CONFIG_INVALID` where a
 * setting is at fault; `SOURCE_CORRUPT` for damaged records. What is none of these is a fault of our program and comes
 * back as it was, for no waiting mends it.
 */
export function kafkaFailure(error: unknown, { what, brokers, rights = {} }: Attempt): unknown {
  const chain = causes(error);
  const known = chain.find(cause => cause instanceof TidemarkError);
  if (known !== undefined) return known;
  const told = chain.filter(({ name, cause }) => !(wrappers.has(name) && cause instanceof Error));
  const reason = told[0]?.message ?? String(error);
  const at = `could not ${what} at ${brokers.join(', ')}`;
  const damaged = told.find(({ name }) => name === 'DamagedBatch');
  if (damaged !== undefined)
    return new TidemarkError('SOURCE_CORRUPT', `could not ${what}: ${damaged.message}`, { cause: error });
  const fault = refusal(told, rights);
  if (fault !== null) return new TidemarkError('SOURCE_REFUSED', `${at}: ${fault} (${reason})`, { cause: error });
  const setting = misconfiguration(told);
  if (setting !== null) return new TidemarkError('CONFIG_INVALID', `${at}: ${setting} (${reason})`, { cause: error });
  if (told.some(mayPass)) {
    const hint = hints.find(([pattern]) => pattern.test(reason))?.[1] ?? '';
    return new TidemarkError('SOURCE_UNREACHABLE', `${at}: ${reason}${hint}`, { cause: error });
  }
  if (told[0] !== undefined && isOfClient(told[0]))
    return new TidemarkError('SOURCE_UNREACHABLE', `${at}: the client broke (${reason})`, { cause: error });
  if (told.some(isAnswer)) {
    const no = 'the broker does not do what it is asked';
    return new TidemarkError('SOURCE_REFUSED', `${at}: ${no} (${reason})`, { cause: error });
  }
  return told[0] ?? error;
}

/** What may be wrong where a connection just ends, which a broker that is going down does too. */
const hints: readonly (readonly [RegExp, string])[] = [
  [/before secure TLS connection/i, '; does this port speak TLS at all (kafka_tls)?'],
  [/Closed connection/i, '; does this port want TLS (kafka_tls) or SASL?'],
];

function mayPass({ name, type, retriable }: KafkaJsError): boolean {
  // Without a name of their own kafkajs throws those which begin a step of its again.
  if (passing.has(name) || (name === 'KafkaJSError' && retriable === true)) return true;
  // A connection that ends while it is said who we are; that the answer was no is seen before.
  if (name === 'KafkaJSSASLAuthenticationError') return true;
  return type !== undefined && (retriable === true || passingAnswers.has(type));
}

/**
 * kafkajs's own code came to nothing, in an error without a name of its: a socket that answered nothing counts as connected
 * (`Broker not connected`), two looks at metadata cross each other (`TypeError`). A new try goes well.
 */
function isOfClient({ name, stack = '' }: Error): boolean {
  const origin = stack.split('\n').find(line => /^\s+at /.test(line) && !line.includes('node:'));
  return !name.startsWith('KafkaJS') && origin !== undefined && /[\\/]kafkajs[\\/]src[\\/]/.test(origin);
}

function isAnswer({ name, type }: KafkaJsError): boolean {
  return type !== undefined || name === 'KafkaJSServerDoesNotSupportApiKey';
}

/** The error, its cause, the cause of that, outermost first. */
function causes(error: unknown): readonly KafkaJsError[] {
  const chain: Error[] = [];
  for (let at = error; at instanceof Error && !chain.includes(at); at = at.cause) chain.push(at);
  return chain;
}
