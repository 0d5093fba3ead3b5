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

/** Every setting, declared once: YAML file, environment variables, flags, their help, their checks and the README follow from it. */
export const settings = {
  db: {
    kind: text,
    default: 'tidemark.duckdb',
    help: 'the DuckDB file with all tables; one process at a time may open it',
  },
  export_root: { kind: text, default: 'exports', help: 'the folder in which all exports are written' },
  prefix_map: {
    kind: folders,
    default: {},
    help: 'folders of the export root by foreign file prefix, such as C:/export, that clients may send',
  },
  memory_limit: {
    kind: size,
    default: '256MB',
    help: 'the memory DuckDB may use; larger sorts are written to disk beside the database',
  },
  threads: {
    kind: wholeNumber(1, 256),
    default: 1,
    help: "DuckDB's threads; more of them keep a core busy during each query and slow down ingestion",
  },
  batch_records: {
    kind: wholeNumber(1, 1_000_000),
    unit: 'records',
    default: 20_000,
    help: 'how many records one transaction stores at most',
  },
  batch_bytes: {
    kind: wholeNumber(1024, 1 << 30),
    unit: 'bytes',
    default: 16 << 20,
    help: 'how many bytes of records one transaction stores at most',
  },
  key_format: { kind: oneOf('string', 'json', 'avro'), default: 'string', help: 'how record keys are encoded' },
  skew_ms: {
    kind: wholeNumber(0, 86_400_000),
    unit: 'ms',
    default: 300_000,
    help: "how far an event's time may lie after its record's time and still move the watermark",
  },
  allowed_lateness_ms: {
    kind: wholeNumber(0, 31_536_000_000),
    unit: 'ms',
    default: 0,
    help: 'how far the watermark must be past the end of a window before an export of it is complete',
  },
  max_extension_columns: {
    kind: wholeNumber(0, 10_000),
    unit: 'columns',
    default: 1_000,
    help: 'how many extension columns one CSV file may have',
  },
  registry_url: {
    kind: webAddress,
    default: null,
    help: 'the schema registry for Avro records, such as http://registry:8081; without it all records are JSON',
  },
  registry_username: { kind: optionalText, default: null, help: 'the user name for the schema registry' },
  registry_password: { kind: secret, default: null, help: 'the password of registry_username' },
  registry_password_file: { kind: optionalText, default: null, help: 'a file that holds registry_password' },
  registry_ca_file: {
    kind: optionalText,
    default: null,
    help: 'PEM file of the authorities that signed the certificate of the schema registry',
  },
  log_folder: {
    kind: optionalText,
    default: null,
    help: 'a local event log that the service follows, instead of Kafka',
  },
  kafka_brokers: { kind: list, default: [], help: 'brokers to connect to first, such as kafka-1:9092,kafka-2:9092' },
  kafka_topics: { kind: list, default: [], help: 'the topics that hold events' },
  kafka_group: {
    kind: text,
    default: 'tidemark',
    help: 'the consumer group; offsets are kept in the database, and committed to the group for lag tools only',
  },
  kafka_partitions: {
    kind: partitions,
    default: null,
    help: 'a fixed list of partitions of each topic for this process, such as 0-7, instead of those that the group assigns',
  },
  kafka_tls: { kind: flag, default: false, help: 'whether to connect to the brokers over TLS' },
  kafka_tls_ca_file: {
    kind: optionalText,
    default: null,
    help: 'PEM file of the authorities that signed the certificates of the brokers',
  },
  kafka_tls_cert_file: {
    kind: optionalText,
    default: null,
    help: 'PEM file of the client certificate, for mutual TLS',
  },
  kafka_tls_key_file: {
    kind: optionalText,
    default: null,
    help: 'PEM file of the private key of the client certificate',
  },
  kafka_sasl_mechanism: {
    kind: oneOf('none', 'plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'),
    default: 'none',
    help: 'how to authenticate to the brokers (SASL)',
  },
  kafka_sasl_username: {
    kind: optionalText,
    default: null,
    help: 'SASL user name for the brokers (with kafka_oauth_token_url: the client id)',
  },
  kafka_sasl_password: {
    kind: secret,
    default: null,
    help: 'SASL password for the brokers (with kafka_oauth_token_url: the client secret)',
  },
  kafka_sasl_password_file: { kind: optionalText, default: null, help: 'a file that holds kafka_sasl_password' },
  kafka_oauth_token: { kind: secret, default: null, help: 'the bearer token for oauthbearer' },
  kafka_oauth_token_file: {
    kind: optionalText,
    default: null,
    help: 'a file that holds kafka_oauth_token; it is read again whenever a token is needed',
  },
  kafka_oauth_token_url: {
    kind: webAddress,
    default: null,
    help: 'where to fetch a bearer token with client id and secret (OAuth 2.0 client credentials)',
  },
  kafka_session_timeout_ms: {
    kind: wholeNumber(6_000, 1_800_000),
    unit: 'ms',
    default: 30_000,
    help: 'after how long without a heartbeat the group gives the partitions of this process to others',
  },
  kafka_on_lost_records: {
    kind: oneOf('stop', 'skip'),
    default: 'stop',
    help: 'what to do when Kafka deleted records before they were read: stop, or skip them and record the gap',
  },
  kafka_replay_horizon_hours: {
    kind: wholeNumber(0, 1_000_000),
    unit: 'hours',
    default: 0,
    help: 'how far back replays must reach; the service warns of a topic that keeps its records for less',
  },
  control_topic: {
    kind: optionalText,
    default: null,
    help: 'the topic from which this service, and no other, reads requests; needs status_topic',
  },
  status_topic: {
    kind: optionalText,
    default: null,
    help: 'the topic to which the states of all requests are written',
  },
  status_format: {
    kind: oneOf('json', 'avro'),
    default: 'json',
    help: 'how statuses are encoded; avro needs registry_url',
  },
  exports_at_once: { kind: wholeNumber(1, 16), default: 2, help: 'how many exports the service runs at once' },
  export_queue: { kind: wholeNumber(0, 100_000), default: 100, help: 'how many more exports may wait for their turn' },
  export_wait_ms: {
    kind: wholeNumber(0, 86_400_000),
    unit: 'ms',
    default: 30_000,
    help: 'how long an export waits at most until the records in the log at its request are stored',
  },
  export_history_days: {
    kind: wholeNumber(1, 36_500),
    unit: 'days',
    default: 30,
    help: 'how long ended exports are remembered; their files are kept',
  },
  http_host: { kind: text, default: '127.0.0.1', help: 'the address to listen on for HTTP' },
  http_port: {
    kind: wholeNumber(0, 65_535),
    default: 8480,
    help: 'the port to listen on for HTTP; 0 takes a free one',
  },
  http_tokens: {
    kind: tokenLines,
    default: [],
    help: 'who may use HTTP, one line per token; without tokens, anyone on this machine may',
  },
  http_tokens_file: {
    kind: optionalText,
    default: null,
    help: 'a file with more such lines; it is read again when it changes',
  },
  http_allow_anonymous: {
    kind: flag,
    default: false,
    help: 'whether to listen beyond this machine without tokens',
  },
  http_tls_cert_file: {
    kind: optionalText,
    default: null,
    help: 'PEM file of the certificate for HTTPS; without it, HTTP is unencrypted',
  },
  http_tls_key_file: { kind: optionalText, default: null, help: 'PEM file of the private key of that certificate' },
  http_rate_limit: {
    kind: wholeNumber(0, 10_000_000),
    unit: 'requests/min',
    default: 6_000,
    help: 'how many requests one client may make; 0 for any number',
  },
  http_stall_ms: {
    kind: wholeNumber(100, 3_600_000),
    unit: 'ms',
    default: 30_000,
    help: 'how long a client may take no data before it is cut off; also below 4 kB/s over ten times as long',
  },
  log_level: {
    kind: oneOf('info', 'debug', 'warn', 'error'),
    default: 'info',
    help: 'the least severe level that is logged',
  },
  stop_deadline_ms: {
    kind: wholeNumber(1_000, 600_000),
    unit: 'ms',
    default: 20_000,
    help: 'how long stopping may take; records that are not stored by then are read again at the next start',
  },
} satisfies Readonly<Record<string, Setting<unknown>>>;

export type SettingName = keyof typeof settings;
type Value<S> = S extends { readonly kind: Kind<infer T> } ? T : never;
export type Config = { readonly [name in SettingName]: Value<(typeof settings)[name]> };

export const settingNames = Object.keys(settings) as readonly SettingName[];

/** Settings whose value is never shown. Each has a second setting, its name and `_file`, for a file that holds it. */
export type SecretName = { [name in SettingName]: Secret extends Config[name] ? name : never }[SettingName];

export function isSecret(name: SettingName): name is SecretName {
  const { kind }: Setting<unknown> = settings[name];
  return kind.secret === true;
}
