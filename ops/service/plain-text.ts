import type { Config } from '../settings/settings.ts';

/** One sentence for each configured secret that would travel unencrypted. */
export function plainTextSecrets(config: Config): readonly string[] {
  const { kafka_sasl_mechanism: mechanism, kafka_oauth_token_url: tokenUrl, registry_url: registry } = config;
  const sentences: string[] = [];
  const isKafka = config.kafka_brokers.length > 0;
  // SCRAM proves that the client knows the password without sending it.
  if (isKafka && !config.kafka_tls && (mechanism === 'plain' || mechanism === 'oauthbearer')) {
    const what = mechanism === 'plain' ? 'kafka_sasl_password' : 'the bearer token';
    sentences.push(`${what} is sent to the brokers in plain text: set kafka_tls`);
  }
  if (isKafka && mechanism === 'oauthbearer' && isPlain(tokenUrl))
    sentences.push(
      'kafka_sasl_password is sent to kafka_oauth_token_url in plain text, and so is the token: use https',
    );
  if (config.registry_username !== null && isPlain(registry))
    sentences.push('registry_password is sent to registry_url in plain text: use https');
  return sentences;
}

function isPlain(url: string | null): boolean {
  return url !== null && new URL(url).protocol === 'http:';
}
