import { spawn } from 'node:child_process';
import path from 'node:path';
import { findJava, kafkaJars, pipInstall } from '../../../ops/local-kafka/java.ts';
import { fetchOnce } from '../../../ops/local-kafka/tools.ts';
import { canStart } from './own-servers.ts';

/** A record whose key and value are text, or bytes as base64. Without a value it is a tombstone. */
export interface ForeignRecord {
  readonly key?: string | null;
  readonly keyBase64?: string;
  readonly value?: string | null;
  readonly valueBase64?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timestamp?: number;
  readonly partition?: number;
}

export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

export interface ForeignTarget {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly codec?: Codec;
  /** Further settings of the producer in its own names, such as `{ 'linger.ms': '100' }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Ends a transaction (`commit`, `abort`) or a produce request (`flush`); the records after it begin the next one. */
export interface End {
  readonly end: 'commit' | 'abort' | 'flush';
}

const source = (name: string) => path.resolve('test/support/kafka', name);

/** True when Kafka's Java producer can be run on this machine. */
export function canProduceFromJava(): Promise<boolean> {
  return canStart(() => Promise.all([findJava(17), kafkaJars()]));
}

/** True when Confluent's Python producer can be run on this machine. */
export function canProduceFromPython(): Promise<boolean> {
  return canStart(pythonPackages);
}

/**
 * Produces with Kafka's own Java client, which is idempotent by default. With `transactional.id` among the settings it
 * writes transactions; a last one without an end stays open. Gives the number of records.
 */
export async function produceFromJava(target: ForeignTarget, lines: readonly (ForeignRecord | End)[]): Promise<number> {
  const [java, jars] = await Promise.all([findJava(17), kafkaJars()]);
  const settings = Object.entries(settingsOf(target, 'compression.type')).map(([name, value]) => `${name}=${value}`);
  const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn';
  const args = ['-XX:TieredStopAtLevel=1', quiet, '-cp', path.join(jars, '*'), source('Producer.java'), target.topic];
  return runProducer(java, [...args, ...settings], {}, lines);
}

/** Produces with librdkafka, on which the clients of Python, Go, .NET and others are built. Gives the number of records. */
export async function produceFromPython(target: ForeignTarget, records: readonly ForeignRecord[]): Promise<number> {
  return python({ topic: target.topic, settings: settingsOf(target, 'compression.codec') }, records);
}

export interface AvroRecord extends Omit<ForeignRecord, 'key' | 'value' | 'valueBase64'> {
  readonly key: string | number | null;
  readonly value: Readonly<Record<string, unknown>> | null;
}

export interface AvroTarget extends ForeignTarget {
  /** URL of the registry. */
  readonly registry: string;
  /** Schema of the values, which the serializer registers. */
  readonly schema: string;
  /** Schema of the keys; without it they are text. */
  readonly keySchema?: string;
  /** How the subject of the values is named; by default after the topic. */
  readonly subjects?: 'topic' | 'record' | 'topic-record';
}

/** Produces Avro as Confluent's own serializer writes it. Gives the number of records. */
export async function produceAvroFromPython(target: AvroTarget, records: readonly AvroRecord[]): Promise<number> {
  const { topic, registry, schema, keySchema, subjects = 'topic' } = target;
  const settings = settingsOf(target, 'compression.codec');
  return python({ topic, settings, avro: { registry, schema, keySchema, subjects } }, records);
}

function pythonPackages(): Promise<string> {
  const version = '2.16.1';
  return fetchOnce(`confluent-kafka-python-${version}`, folder =>
    pipInstall([`confluent-kafka[avro,schemaregistry]==${version}`], folder),
  );
}

async function python(order: object, lines: readonly object[]): Promise<number> {
  return runProducer(
    'python3',
    [source('producer.py'), JSON.stringify(order)],
    { PYTHONPATH: await pythonPackages() },
    lines,
  );
}

function settingsOf({ brokers, codec = 'none', settings }: ForeignTarget, codecName: string): Record<string, string> {
  return { 'bootstrap.servers': brokers.join(','), [codecName]: codec, ...settings };
}

/** Runs a program with lines of JSON on its standard input, and reads the count that it prints. */
function runProducer(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  lines: readonly object[],
): Promise<number> {
  const child = spawn(command, args, { env: { ...process.env, ...env } });
  let printed = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', text => {
    printed += text;
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    errors += text;
  });
  // When the program ends early, its exit code and standard error give the reason.
  child.stdin.on('error', () => undefined);
  child.stdin.end(lines.map(line => `${JSON.stringify(line)}\n`).join(''));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', code => {
      if (code === 0) resolve(Number(printed));
      else reject(new Error(`${command} ended with ${code}: ${errors.slice(-2_000)}`));
    });
  });
}
