/** The right that an attempt needs on each kind of resource. When a broker refuses a right, its error names only the kind. */
export interface Rights {
  readonly topic?: TopicRight;
  /** Such as "READ on group loaders". */
  readonly group?: string;
  readonly cluster?: string;
}

/** A right, such as "READ", on each of some topics. */
interface TopicRight {
  readonly right: string;
  readonly topics: readonly string[];
}

/** The fields of a kafkajs error that matter here. `type` is the broker's error name, such as `UNKNOWN_MEMBER_ID`. */
export interface KafkaJsError extends Error {
  readonly type?: string;
  readonly code?: unknown;
  readonly retriable?: boolean;
  /** The topic that a fetch or metadata request failed for (see `kafkajs-requests.ts`). */
  readonly topic?: string;
}

/** Why a certificate is refused, by the error code of Node's TLS. */
const certificateFaults: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "the broker's certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "the broker's certificate is self-signed; name it, or the authority that signs it, in kafka_tls_ca_file",
  SELF_SIGNED_CERT_IN_CHAIN: "the broker's certificate is signed by an authority that kafka_tls_ca_file does not name",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the broker's certificate is signed by an unknown authority; set kafka_tls_ca_file",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "the broker's certificate is signed by an unknown authority; set kafka_tls_ca_file",
  ERR_TLS_CERT_ALTNAME_INVALID: "the broker's certificate is for another host name",
};

/** Error texts by which a server refuses TLS or SASL permanently, and the message for each. */
const refusals: readonly (readonly [RegExp, string])[] = [
  [
    /alert (certificate required|bad certificate|handshake failure)|CERTIFICATE_REQUIRED/i,
    'the broker requires a client certificate: set kafka_tls_cert_file and kafka_tls_key_file',
  ],
  [
    /wrong version number|packet length too long|unsupported protocol/i,
    'the listener does not use TLS: unset kafka_tls, or use its TLS port',
  ],
  [
    /SASL \S+ mechanism is not supported|UNSUPPORTED_SASL_MECHANISM|ILLEGAL_SASL_STATE/i,
    'the listener does not offer this SASL mechanism: correct kafka_sasl_mechanism',
  ],
];

/** Texts by which an ended connection is recognised: kafkajs has one error for it and for a refused password. */
const connectionEnded =
  /Closed connection|Connection closed|Connection error|Connection timeout|Not connected|timed out$/;

/** Settings that a broker rejects, by its error type. */
const misconfigured: Readonly<Record<string, string>> = {
  INVALID_SESSION_TIMEOUT:
    'kafka_session_timeout_ms is outside the range that the broker allows (group.min.session.timeout.ms to group.max.session.timeout.ms)',
  INVALID_TOPIC_EXCEPTION: 'this is not a valid topic name',
  INVALID_GROUP_ID: 'kafka_group is not a valid group name',
};

/** Why a server permanently refuses the connection or the request; null when none of the errors says so. */
export function refusal(errors: readonly KafkaJsError[], rights: Rights): string | null {
  for (const error of errors) {
    const fault = certificateFaults[String(error.code)] ?? missingRight(error, rights);
    if (fault !== undefined) return fault;
    const text = `${error.type ?? ''} ${error.code ?? ''} ${error.message}`;
    const match = refusals.find(([pattern]) => pattern.test(text));
    if (match !== undefined) return match[1];
    const isAuthentication =
      error.name === 'KafkaJSSASLAuthenticationError' || error.type === 'SASL_AUTHENTICATION_FAILED';
    if (isAuthentication && !connectionEnded.test(error.message)) return 'the user or password is refused';
  }
  return null;
}

/** Which setting the broker rejects and why; null when it rejects none. */
export function misconfiguration(errors: readonly KafkaJsError[]): string | null {
  return errors.map(({ type = '' }) => misconfigured[type]).find(fault => fault !== undefined) ?? null;
}

function missingRight({ type, topic }: KafkaJsError, rights: Rights): string | undefined {
  switch (type) {
    case 'TOPIC_AUTHORIZATION_FAILED':
      return missing(rights.topic && rightOnTopic(rights.topic, topic));
    case 'GROUP_AUTHORIZATION_FAILED':
      return missing(rights.group);
    case 'CLUSTER_AUTHORIZATION_FAILED':
      return missing(rights.cluster);
    default:
      return undefined;
  }
}

function rightOnTopic({ right, topics }: TopicRight, refused: string | undefined): string {
  const topic = refused ?? (topics.length === 1 ? topics[0] : undefined);
  return topic === undefined ? `${right} on a topic of ${topics.join(', ')}` : `${right} on topic ${topic}`;
}

function missing(right: string | undefined): string {
  return right === undefined
    ? 'Tidemark lacks a right that the broker does not name'
    : `Tidemark lacks the right ${right}`;
}
