import { TidemarkError } from '../../pipeline/errors.ts';

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

/** Codes and words by which a server refuses us for good; all else may pass. */
const refusals: readonly (readonly [RegExp, string])[] = [
  [/KafkaJSSASLAuthenticationError/, 'the user or password is refused'],
  [
    /alert (certificate required|bad certificate|handshake failure)|CERTIFICATE_REQUIRED/i,
    'the broker wants a certificate of ours: set kafka_tls_cert_file and kafka_tls_key_file',
  ],
  [
    /wrong version number|packet length too long|unsupported protocol/i,
    'the listener does not speak TLS: unset kafka_tls, or use its TLS port',
  ],
  [/(TOPIC|GROUP|CLUSTER)_AUTHORIZATION_FAILED|not authorized/i, 'the right to do so is missing'],
  [
    /SASL \S+ mechanism is not supported|UNSUPPORTED_SASL_MECHANISM|ILLEGAL_SASL_STATE/i,
    'the listener speaks another SASL mechanism',
  ],
];

/** What may be wrong where a connection just ends, which a broker that is going down does too. */
const hints: readonly (readonly [RegExp, string])[] = [
  [/before secure TLS connection/i, '; does this port speak TLS at all (kafka_tls)?'],
  [/Closed connection/i, '; does this port want TLS (kafka_tls) or SASL?'],
];

/** An error of kafkajs in our words, its cause kept. `attempt` reads on from "could not". */
export function kafkaFailure(error: unknown, attempt: string, brokers: readonly string[]): TidemarkError {
  const chain = causes(error);
  const known = chain.find(cause => cause instanceof TidemarkError);
  if (known instanceof TidemarkError) return known;
  const reason = chain.map(({ message }) => message)[0] ?? String(error);
  const fault = refusal(chain);
  if (fault !== null) {
    return new TidemarkError('SOURCE_REFUSED', `could not ${attempt} at ${brokers.join(', ')}: ${fault} (${reason})`, {
      cause: error,
    });
  }
  const damaged = chain.find(({ name }) => name === 'DamagedBatch');
  if (damaged !== undefined)
    return new TidemarkError('SOURCE_CORRUPT', `could not ${attempt}: ${damaged.message}`, { cause: error });
  const hint = hints.find(([pattern]) => pattern.test(reason))?.[1] ?? '';
  return new TidemarkError('SOURCE_UNREACHABLE', `could not ${attempt} at ${brokers.join(', ')}: ${reason}${hint}`, {
    cause: error,
  });
}

function refusal(chain: readonly Error[]): string | null {
  for (const cause of chain) {
    const code = 'code' in cause ? String(cause.code) : '';
    const fault = certificateFaults[code];
    if (fault !== undefined) return fault;
    const type = 'type' in cause ? String(cause.type) : '';
    const match = refusals.find(([pattern]) => pattern.test(`${cause.name} ${code} ${type} ${cause.message}`));
    if (match !== undefined) return match[1];
  }
  return null;
}

/** The error, its cause, the cause of that, outermost first. */
function causes(error: unknown): readonly Error[] {
  const chain: Error[] = [];
  for (let at = error; at instanceof Error && !chain.includes(at); at = at.cause) chain.push(at);
  return chain;
}
