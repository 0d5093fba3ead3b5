import type { Secret } from './secret.ts';
import {
  flag,
  folders,
  type Kind,
  list,
  oneOf,
  optionalText,
  partitions,
  secret,
  size,
  text,
  tokenLines,
  webAddress,
  wholeNumber,
} from './setting-kinds.ts';

export interface Setting<T> {
  readonly kind: Kind<T>;
  readonly unit?: string;
  readonly default: T;
  readonly help: string;
}

/** Every setting, declared once: the YAML file, the variables, the flags, their help and their checks follow from here. */
export const settings = {
  db: { kind: text, default: 'tidemark.duckdb', help: 'the DuckDB file; one process at a time owns it' },
  export_root: { kind: text, default: 'exports', help: 'the folder that all exports lie in' },
  prefix_map: {
    kind: folders,
    default: {},
    help: 'foreign file prefixes, such as C:/export, and their folders in the export root',
  },
  memory_limit: {
    kind: size,
    default: '256MB',
    help: "DuckDB's memory; larger sorts spill to disk beside the database",
  },
  threads: {
    kind: wholeNumber(1, 256),
    default: 1,
    help: "DuckDB's threads; with more, a core looks for work all the time that a query lasts",
  },
  batch_records: {
    kind: wholeNumber(1, 1_000_000),
    unit: 'records',
    default: 20_000,
    help: 'the most records one transaction stores',
  },
  batch_bytes: {
    kind: wholeNumber(1024, 1 << 30),
    unit: 'bytes',
    default: 16 << 20,
    help: 'the most bytes one transaction stores',
  },
  key_format: { kind: oneOf('string', 'json', 'avro'), default: 'string', help: 'how record keys are written' },
  skew_ms: {
    kind: wholeNumber(0, 86_400_000),
    unit: 'ms',
    default: 300_000,
    help: "an event later than its record's own time by more moves no watermark",
  },
  allowed_lateness_ms: {
    kind: wholeNumber(0, 31_536_000_000),
    unit: 'ms',
    default: 0,
    help: 'how far a watermark must have passed the end of a window before its export is complete',
  },
  max_extension_columns: {
    kind: wholeNumber(0, 10_000),
    unit: 'columns',
    default: 1_000,
    help: 'the most extension columns one CSV file may have',
  },
  registry_url: {
    kind: webAddress,
    default: null,
    help: 'the schema registry of Avro records, such as http://registry:8081; without it all records are JSON',
  },
  registry_username: { kind: optionalText, default: null, help: 'who we are at the schema registry' },
  registry_password: { kind: secret, default: null, help: 'the password of registry_username' },
  registry_password_file: { kind: optionalText, default: null, help: 'a file that holds registry_password' },
  registry_ca_file: {
    kind: optionalText,
    default: null,
    help: 'PEM file of the authorities that sign the certificate of the schema registry',
  },
  log_folder: {
    kind: optionalText,
    default: null,
    help: 'a local event log that the service follows, in place of Kafka',
  },
  kafka_brokers: { kind: list, default: [], help: 'brokers to begin with, such as kafka-1:9092,kafka-2:9092' },
  kafka_topics: { kind: list, default: [], help: 'the topics of events' },
  kafka_group: {
    kind: text,
    default: 'tidemark',
    help: 'the consumer group; offsets are kept in the database, the group is told of them',
  },
  kafka_partitions: {
    kind: partitions,
    default: null,
    help: 'a fixed list of partitions of each topic for this process, such as 0-7, in place of those the group assigns',
  },
  kafka_tls: { kind: flag, default: false, help: 'whether brokers are spoken to over TLS' },
  kafka_tls_ca_file: {
    kind: optionalText,
    default: null,
    help: 'PEM file of the authorities that sign broker certificates',
  },
  kafka_tls_cert_file: { kind: optionalText, default: null, help: 'PEM file of our own certificate, for mutual TLS' },
  kafka_tls_key_file: { kind: optionalText, default: null, help: 'PEM file of the key of our own certificate' },
  kafka_sasl_mechanism: {
    kind: oneOf('none', 'plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'),
    default: 'none',
    help: 'how we say who we are to brokers',
  },
  kafka_sasl_username: {
    kind: optionalText,
    default: null,
    help: 'who we are (for oauthbearer by kafka_oauth_token_url: the client id)',
  },
  kafka_sasl_password: {
    kind: secret,
    default: null,
    help: 'the password of kafka_sasl_username (or the client secret)',
  },
  kafka_sasl_password_file: { kind: optionalText, default: null, help: 'a file that holds kafka_sasl_password' },
  kafka_oauth_token: { kind: secret, default: null, help: 'the bearer token for oauthbearer' },
  kafka_oauth_token_file: {
    kind: optionalText,
    default: null,
    help: 'a file that holds kafka_oauth_token, read again whenever a token is needed',
  },
  kafka_oauth_token_url: {
    kind: webAddress,
    default: null,
    help: 'where a bearer token is had for client id and secret (OAuth 2.0 client credentials)',
  },
  kafka_session_timeout_ms: {
    kind: wholeNumber(6_000, 1_800_000),
    unit: 'ms',
    default: 30_000,
    help: 'after this long without a sign of life the group gives our partitions to others',
  },
  kafka_on_lost_records: {
    kind: oneOf('stop', 'skip'),
    default: 'stop',
    help: 'what to do when Kafka has deleted records before they were read: stop, or go on behind them and write the gap down',
  },
  kafka_replay_horizon_hours: {
    kind: wholeNumber(0, 1_000_000),
    unit: 'hours',
    default: 0,
    help: 'how far back a replay must reach; a topic that keeps its records for less is warned of',
  },
  control_topic: {
    kind: optionalText,
    default: null,
    help: 'the topic of requests to this service, and to no other; it goes with status_topic',
  },
  status_topic: { kind: optionalText, default: null, help: 'the topic on which is told what becomes of requests' },
  status_format: {
    kind: oneOf('json', 'avro'),
    default: 'json',
    help: 'how statuses are written; avro wants registry_url',
  },
  exports_at_once: { kind: wholeNumber(1, 16), default: 2, help: 'how many exports the service runs at once' },
  export_queue: { kind: wholeNumber(0, 100_000), default: 100, help: 'how many more exports may wait for their turn' },
  export_wait_ms: {
    kind: wholeNumber(0, 86_400_000),
    unit: 'ms',
    default: 30_000,
    help: 'how long an export waits at most for what the log held when it was asked for',
  },
  export_history_days: {
    kind: wholeNumber(1, 36_500),
    unit: 'days',
    default: 30,
    help: 'how long ended exports are remembered; their files stay',
  },
  http_host: { kind: text, default: '127.0.0.1', help: 'the address the service listens on' },
  http_port: {
    kind: wholeNumber(0, 65_535),
    default: 8480,
    help: 'the port the service listens on; 0 takes a free one',
  },
  http_tokens: {
    kind: tokenLines,
    default: [],
    help: 'who may come in by HTTP, one line a token; none: anyone on this machine may',
  },
  http_tokens_file: {
    kind: optionalText,
    default: null,
    help: 'a file with more such lines, read again when it has changed',
  },
  http_allow_anonymous: {
    kind: flag,
    default: false,
    help: 'whether the service may listen beyond this machine without tokens',
  },
  http_tls_cert_file: {
    kind: optionalText,
    default: null,
    help: 'PEM file of the certificate the service shows; with it, it speaks HTTPS',
  },
  http_tls_key_file: { kind: optionalText, default: null, help: 'PEM file of the key of that certificate' },
  http_rate_limit: {
    kind: wholeNumber(0, 10_000_000),
    unit: 'requests/min',
    default: 6_000,
    help: 'how much one client may ask; 0 for any number',
  },
  http_stall_ms: {
    kind: wholeNumber(100, 3_600_000),
    unit: 'ms',
    default: 30_000,
    help: 'a client that takes nothing of what it asked for in this time, or less than 4 kB/s in ten times that, is cut off',
  },
  log_level: { kind: oneOf('info', 'debug', 'warn', 'error'), default: 'info', help: 'how much the service logs' },
  stop_deadline_ms: {
    kind: wholeNumber(1_000, 600_000),
    unit: 'ms',
    default: 20_000,
    help: 'how long the service may take to stop; what is not stored by then is read again at the next start',
  },
} satisfies Readonly<Record<string, Setting<unknown>>>;

export type SettingName = keyof typeof settings;
type Value<S> = S extends { readonly kind: Kind<infer T> } ? T : never;
export type Config = { readonly [name in SettingName]: Value<(typeof settings)[name]> };

export const settingNames = Object.keys(settings) as readonly SettingName[];

/** Settings that are never shown. For each there is one of the same name and `_file`. */
export type SecretName = { [name in SettingName]: Secret extends Config[name] ? name : never }[SettingName];

export function isSecret(name: SettingName): name is SecretName {
  const { kind }: Setting<unknown> = settings[name];
  return kind.secret === true;
}
