import type { KafkaOptions, KafkaSecurity, Sasl, TlsFiles } from '../connectors/kafka/client/options.ts';
import type { CheckedTopic, TopicChecks } from '../connectors/kafka/topics/topic-checks.ts';
import { TidemarkError } from '../pipeline/errors.ts';
import { bearerToken } from './oauth-token.ts';
import { readAuthorities, readKeyPair } from './settings/certificates.ts';
import { checkAll } from './settings/setting-file.ts';
import type { Config } from './settings/settings.ts';

/**
 * The smallest fetch in bytes. Each batch is a transaction, and a hundred small ones per second would leave no time for
 * exports. So when few records arrive, the broker waits up to a quarter of a second for more; when many arrive, it does not.
 */
const fetchMinBytes = 256 << 10;

/** The settings of Kafka. Throws `CONFIG_INVALID` as `checkKafka` does. */
export function kafkaOptionsOf(config: Config, needsTopics = true): KafkaOptions {
  checkKafka(config, needsTopics);
  return {
    brokers: config.kafka_brokers,
    topics: config.kafka_topics,
    group: config.kafka_group,
    partitions: config.kafka_partitions,
    security: securityOf(config),
    sessionTimeoutMs: config.kafka_session_timeout_ms,
    onLostRecords: config.kafka_on_lost_records,
    onDamagedBatch: config.kafka_on_damaged_batch,
    maxUnpackedBytes: config.max_unpacked_bytes,
    batchRecords: config.batch_records,
    batchBytes: config.batch_bytes,
    fetchMinBytes,
  };
}

/** What is checked of the topics that the settings name. */
export function topicChecksOf(config: Config): Omit<TopicChecks, 'cluster' | 'now'> {
  const { kafka_topics: events, control_topic: control, status_topic: status } = config;
  const topics: CheckedTopic[] = events.map(topic => ({ topic, role: 'events' }));
  if (control !== null) topics.push({ topic: control, role: 'control' });
  if (status !== null) topics.push({ topic: status, role: 'status' });
  const controlGroup = control === null ? null : controlGroupOf(config, control);
  const horizonMs = config.kafka_replay_horizon_hours * 3_600_000;
  return { topics, controlGroup, broker: config.kafka_brokers[0] ?? '', horizonMs };
}

/** The group that reads the control topic. Each service reads a topic of its own; in one group they would wait for each other. */
export function controlGroupOf({ kafka_group: group }: Config, topic: string): string {
  return `${group}-${topic}`;
}

/** Throws `CONFIG_INVALID` naming every combination of settings that is not allowed and every TLS file that cannot be used. */
export function checkKafka(config: Config, needsTopics = true): void {
  const combinations = (): void => {
    const faults = faultsOf(config, needsTopics);
    if (faults.length > 0) throw new TidemarkError('CONFIG_INVALID', faults.join('\n'));
  };
  checkAll([combinations, () => readAuthorities(config, 'kafka_tls_ca_file'), () => readKeyPair(config, 'kafka')]);
}

/** The fault of a configuration that names no topic. */
export const noTopics = 'kafka_topics is empty; allowed is at least one topic';

function faultsOf(config: Config, needsTopics: boolean): readonly string[] {
  const faults: string[] = [...controlFaultsOf(config)];
  const want = (holds: boolean, fault: string): void => {
    if (!holds) faults.push(fault);
  };
  const hasTopics = config.kafka_brokers.length === 0 || config.kafka_topics.length > 0;
  want(hasTopics || !needsTopics, noTopics);
  const mechanism = config.kafka_sasl_mechanism;
  if (mechanism === 'oauthbearer') {
    const hasToken = config.kafka_oauth_token !== null;
    const hasUrl = config.kafka_oauth_token_url !== null;
    want(
      hasToken !== hasUrl,
      'kafka_sasl_mechanism oauthbearer needs one of kafka_oauth_token and kafka_oauth_token_url',
    );
    if (hasUrl) want(hasAccount(config), 'kafka_oauth_token_url needs kafka_sasl_username and kafka_sasl_password');
  } else if (mechanism !== 'none') {
    want(hasAccount(config), `kafka_sasl_mechanism ${mechanism} needs kafka_sasl_username and kafka_sasl_password`);
  }
  const tlsFiles = [config.kafka_tls_ca_file, config.kafka_tls_cert_file, config.kafka_tls_key_file];
  want(config.kafka_tls || tlsFiles.every(file => file === null), 'kafka_tls_…_file needs kafka_tls: true');
  return faults;
}

/** Faults of control_topic and status_topic, which must be two topics of their own. */
function controlFaultsOf({ control_topic: control, status_topic: status, ...config }: Config): readonly string[] {
  if (control === null && status === null) return [];
  if (control === null || status === null) return ['control_topic and status_topic need each other'];
  if (config.kafka_brokers.length === 0) return ['control_topic and status_topic need kafka_brokers'];
  const apart = control !== status && ![control, status].some(topic => config.kafka_topics.includes(topic));
  return apart
    ? []
    : ['control_topic and status_topic must differ from each other and from every topic of kafka_topics'];
}

function hasAccount(config: Config): boolean {
  return config.kafka_sasl_username !== null && config.kafka_sasl_password !== null;
}

function securityOf(config: Config): KafkaSecurity {
  return { tls: config.kafka_tls ? { read: () => readTls(config) } : null, sasl: saslOf(config) };
}

function readTls(config: Config): ReturnType<TlsFiles['read']> {
  const ca = readAuthorities(config, 'kafka_tls_ca_file');
  return { ...(ca === null ? {} : { ca }), ...readKeyPair(config, 'kafka') };
}

function saslOf(config: Config): Sasl | null {
  const mechanism = config.kafka_sasl_mechanism;
  if (mechanism === 'none') return null;
  if (mechanism === 'oauthbearer') return { mechanism, token: () => bearerToken(config) };
  const username = config.kafka_sasl_username ?? '';
  return { mechanism, username, password: () => config.kafka_sasl_password?.reveal() ?? '' };
}
