/** The rights that an attempt wants, by what a broker names when it refuses one: "READ on topic calls". */
export interface Rights {
  readonly topic?: string;
  readonly group?: string;
  readonly cluster?: string;
}

/** An error of kafkajs, as far as it matters here; `type` is a broker's word. */
export interface KafkaJsError extends Error {
  readonly type?: string;
  readonly code?: unknown;
  readonly retriable?: boolean;
  /** Where a fetch was refused: of what. */
  readonly topic?: string;
}

/** What certificates are refused for, in words that say which. Codes as Node's TLS gives them. */
const certificateFaults: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "the broker's certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "the broker's certificate is self-signed; name it, or who signs it, in kafka_tls_ca_file",
  SELF_SIGNED_CERT_IN_CHAIN: "the broker's certificate is signed by an authority that kafka_tls_ca_file does not name",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the broker's certificate is signed by an unknown authority; set kafka_tls_ca_file",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "the broker's certificate is signed by an unknown authority; set kafka_tls_ca_file",
  ERR_TLS_CERT_ALTNAME_INVALID: "the broker's certificate is for another host name",
};

/** Words by which a server refuses TLS or SASL for good. */
const refusals: readonly (readonly [RegExp, string])[] = [
  [
    /alert (certificate required|bad certificate|handshake failure)|CERTIFICATE_REQUIRED/i,
    'the broker wants a certificate of ours: set kafka_tls_cert_file and kafka_tls_key_file',
  ],
  [
    /wrong version number|packet length too long|unsupported protocol/i,
    'the listener does not speak TLS: unset kafka_tls, or use its TLS port',
  ],
  [
    /SASL \S+ mechanism is not supported|UNSUPPORTED_SASL_MECHANISM|ILLEGAL_SASL_STATE/i,
    'the listener speaks another SASL mechanism',
  ],
];

/** kafkajs takes whatever ends a connection while it says who we are for a refusal. */
const connectionEnded =
  /Closed connection|Connection closed|Connection error|Connection timeout|Not connected|timed out$/;

/** Settings that a broker finds fault with. */
const misconfigured: Readonly<Record<string, string>> = {
  INVALID_SESSION_TIMEOUT:
    'kafka_session_timeout_ms lies outside of what the broker allows, its group.min.session.timeout.ms to group.max.session.timeout.ms',
  INVALID_TOPIC_EXCEPTION: 'no topic can have this name',
  INVALID_GROUP_ID: 'no group can have the name that kafka_group is',
};

/** Why a server refuses us for good; null where none does. */
export function refusal(told: readonly KafkaJsError[], rights: Rights): string | null {
  for (const error of told) {
    const fault = certificateFaults[String(error.code)] ?? missingRight(error, rights);
    if (fault !== undefined) return fault;
    const words = `${error.type ?? ''} ${error.code ?? ''} ${error.message}`;
    const match = refusals.find(([pattern]) => pattern.test(words));
    if (match !== undefined) return match[1];
    const saysWho = error.name === 'KafkaJSSASLAuthenticationError' || error.type === 'SASL_AUTHENTICATION_FAILED';
    if (saysWho && !connectionEnded.test(error.message)) return 'the user or password is refused';
  }
  return null;
}

/** The setting that the broker finds fault with; null where it does not. */
export function misconfiguration(told: readonly KafkaJsError[]): string | null {
  return told.map(({ type = '' }) => misconfigured[type]).find(fault => fault !== undefined) ?? null;
}

function missingRight({ type, topic }: KafkaJsError, rights: Rights): string | undefined {
  switch (type) {
    case 'TOPIC_AUTHORIZATION_FAILED':
      return missing(topic === undefined ? rights.topic : `READ on topic ${topic}`);
    case 'GROUP_AUTHORIZATION_FAILED':
      return missing(rights.group);
    case 'CLUSTER_AUTHORIZATION_FAILED':
      return missing(rights.cluster);
    default:
      return undefined;
  }
}

function missing(right: string | undefined): string {
  return right === undefined ? 'a right to do so is missing' : `we lack the right ${right}`;
}
