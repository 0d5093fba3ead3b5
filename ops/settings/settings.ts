import { httpSettings } from './http-settings.ts';
import { kafkaSettings } from './kafka-settings.ts';
import {
  folders,
  type Kind,
  oneOf,
  optionalText,
  type Setting,
  type Settings,
  secret,
  securityFile,
  size,
  text,
  webAddress,
  wholeNumber,
} from './kinds.ts';
import { replaySettings } from './replay-settings.ts';
import type { Secret } from './secret.ts';

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
    help: 'maps foreign file prefixes that clients may send, such as C:/export, to folders of the export root',
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
  max_record_bytes: {
    kind: wholeNumber(1_024, 1 << 30),
    unit: 'bytes',
    default: 32 << 20,
    help: 'how many bytes key and value of a record may have together; a larger record is quarantined as TOO_LARGE',
  },
  max_misfit_percent: {
    kind: wholeNumber(1, 100),
    unit: 'percent',
    default: 90,
    help: 'a partition waits, instead of quarantining, when more of its newest 1,000 records seem not to fit key_format or registry_url; 100: never',
  },
  skew_ms: {
    kind: wholeNumber(0, 86_400_000),
    unit: 'ms',
    default: 300_000,
    help: 'how far the times of events and of records may lie from the time at which the log took the record',
  },
  allowed_lateness_ms: {
    kind: wholeNumber(0, 31_536_000_000),
    unit: 'ms',
    default: 0,
    help: 'how long after its time an event may still be given; windows that end later than that ago are not complete yet',
  },
  clock_lateness_ms: {
    kind: wholeNumber(0, 3_600_000),
    unit: 'ms',
    default: 10_000,
    help: 'how long an event may take until it lies in the log below its end, and how far clocks may differ, together',
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
  registry_password_file: { kind: securityFile, default: null, help: 'a file that holds registry_password' },
  registry_ca_file: {
    kind: securityFile,
    default: null,
    help: 'PEM file of the authorities that signed the certificate of the schema registry',
  },
  log_folder: {
    kind: optionalText,
    default: null,
    help: 'a local event log that the service follows, instead of Kafka',
  },
  ...kafkaSettings,
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
  service_name: {
    kind: optionalText,
    default: null,
    help: 'the name of this service in its statuses; without it, kafka_group',
  },
  exports_at_once: { kind: wholeNumber(1, 16), default: 2, help: 'how many exports the service runs at once' },
  export_queue: {
    kind: wholeNumber(0, 100_000),
    default: 100,
    help: 'how many more exports, and how many more replays, may wait for their turn',
  },
  export_wait_ms: {
    kind: wholeNumber(0, 86_400_000),
    unit: 'ms',
    default: 30_000,
    help: 'how long an export may wait until the records that the log held at its acceptance are stored',
  },
  export_history_days: {
    kind: wholeNumber(1, 36_500),
    unit: 'days',
    default: 400,
    help: 'how long ended exports and replays are remembered; the files of exports are kept',
  },
  ...replaySettings,
  ...httpSettings,
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
} satisfies Settings;

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

/** The flag of a setting or parameter: `--time-from` of `time_from`. */
export function flagOf(name: string): string {
  return `--${name.replaceAll('_', '-')}`;
}
