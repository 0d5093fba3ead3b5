import {
  brokers,
  flag,
  list,
  oneOf,
  optionalText,
  partitions,
  type Settings,
  secret,
  securityFile,
  text,
  webAddress,
  wholeNumber,
} from './kinds.ts';

/** How events are read from Kafka. */
export const kafkaSettings = {
  kafka_brokers: { kind: brokers, default: [], help: 'brokers to connect to first, such as kafka-1:9092,kafka-2:9092' },
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
    kind: securityFile,
    default: null,
    help: 'PEM file of the authorities that signed the certificates of the brokers',
  },
  kafka_tls_cert_file: {
    kind: securityFile,
    default: null,
    help: 'PEM file of the client certificate, for mutual TLS',
  },
  kafka_tls_key_file: {
    kind: securityFile,
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
  kafka_sasl_password_file: { kind: securityFile, default: null, help: 'a file that holds kafka_sasl_password' },
  kafka_oauth_token: { kind: secret, default: null, help: 'the bearer token for oauthbearer' },
  kafka_oauth_token_file: {
    kind: securityFile,
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
    help: 'what to do when records of Kafka, or of a log folder, were deleted before they were read: stop, or skip them and record the gap',
  },
  kafka_on_damaged_batch: {
    kind: oneOf('stop', 'skip'),
    default: 'stop',
    help: 'what to do with a record batch that cannot be read: stop, or skip it and record the gap',
  },
  max_unpacked_bytes: {
    kind: wholeNumber(1 << 20, 2 ** 31 - 1),
    unit: 'bytes',
    default: 256 << 20,
    help: 'to how many bytes one record batch of Kafka may unpack; a larger one cannot be read',
  },
  kafka_replay_horizon_hours: {
    kind: wholeNumber(0, 1_000_000),
    unit: 'hours',
    default: 0,
    help: 'how far back replays must reach; the service warns of a topic that keeps its records for less',
  },
} satisfies Settings;
