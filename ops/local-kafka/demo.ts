import type { Admin, Kafka } from 'kafkajs';
import { createClient } from '../../connectors/kafka/client/client.ts';
import type { Log } from '../../pipeline/ports.ts';
import { formatCount, formatSeconds, type Output } from '../output.ts';
import { startProgress } from '../progress.ts';
import { registerCallSchemas } from './avro-calls.ts';
import { type Call, endlessCalls, recordedCalls } from './calls.ts';
import { makeTopic, sendCalls } from './load.ts';
import { registryUrl } from './registry.ts';
import { localFolder, readState } from './state.ts';
import { waitFor } from './waiting.ts';

interface DemoOptions {
  readonly brokers?: string;
  readonly registryUrl?: string;
  readonly topic: string;
  readonly partitions: number;
  /** The consumer group whose lag is shown. */
  readonly group: string;
  /** Events a second, without end; null for a recording, as fast as possible. */
  readonly rate: number | null;
  readonly month: boolean;
  readonly avro: boolean;
}

/** Sends calls to a topic and shows the lag of the group that reads it. */
export async function demo(options: DemoOptions, output: Output, signal: AbortSignal): Promise<void> {
  const servers = await findServers(options);
  const { topic, group, rate } = options;
  const encode =
    servers.registry === null
      ? (call: Call) => Buffer.from(JSON.stringify(call))
      : await registerCallSchemas(servers.registry, topic);
  const security = { tls: null, sasl: null };
  const kafka = createClient({ brokers: servers.brokers, security }, quiet);
  const admin = kafka.admin();
  await admin.connect();
  try {
    await makeTopic(admin, topic, options.partitions);
    const calls = rate === null ? recordedCalls(options.month ? 'month' : 'day') : endlessCalls(Date.now);
    const count = await sendShown({ kafka, topic, calls, encode, rate, signal }, output);
    if (!signal.aborted) await showReading(admin, options, output);
    output.result(nextCommands(servers, { topic, group, count }));
  } finally {
    await admin.disconnect();
  }
}

interface Servers {
  readonly brokers: readonly string[];
  /** Null where records are JSON. */
  readonly registry: string | null;
}

async function findServers({ brokers, registryUrl: given, avro }: DemoOptions): Promise<Servers> {
  const { kafka = null, registry = null } = (await readState(localFolder)) ?? {};
  const own = kafka === null ? undefined : `127.0.0.1:${kafka.port}`;
  const brokerList = brokers ?? own;
  if (brokerList === undefined)
    throw new Error('there is no Kafka to send to: start it with "npm run kafka:up", or give --brokers');
  const url = given ?? (registry === null ? undefined : registryUrl(registry.port));
  if (avro && url === undefined)
    throw new Error('--avro needs a schema registry: start it with "npm run kafka:up", or give --registry-url');
  return { brokers: brokerList.split(','), registry: avro ? url! : null };
}

type Sending = Omit<Parameters<typeof sendCalls>[0], 'sent'> & { readonly kafka: Kafka };

async function sendShown(sending: Sending, output: Output): Promise<number> {
  const began = performance.now();
  const progress = startProgress(`send to topic ${sending.topic}`, null, output);
  let count = 0;
  try {
    await sendCalls({
      ...sending,
      sent(bytes, records) {
        count += records;
        progress.advance(bytes, records);
      },
    });
  } finally {
    progress.end();
  }
  output.notice(`${formatCount(count)} events acknowledged in ${formatSeconds(performance.now() - began)}`);
  return count;
}

/** Shows the lag of the group, if there is one, until it has read everything. */
async function showReading(admin: Admin, { group, topic }: DemoOptions, output: Output): Promise<void> {
  let shown: number | null = null;
  const read = async (): Promise<boolean | null> => {
    const lag = await groupLag(admin, group, topic);
    if (lag === null) return false;
    if (lag !== shown) output.notice(`group ${group}: ${formatCount(lag)} records to read`);
    shown = lag;
    return lag === 0 ? true : null;
  };
  await waitFor(`group ${group} to read topic ${topic}`, read, 60_000).catch((error: Error) =>
    output.notice(error.message),
  );
}

function nextCommands(
  { brokers, registry }: Servers,
  { topic, group, count }: { readonly topic: string; readonly group: string; readonly count: number },
): string {
  const named = registry === null ? '' : ` --registry-url ${registry}`;
  const reading = `--kafka-brokers ${brokers.join(',')} --kafka-topics ${topic} --kafka-group ${group}${named}`;
  return `${formatCount(count)} events were added to topic ${topic}. Try next:
  npx tidemark run ${reading} --db calls-kafka.duckdb
  npm run kafka:demo -- --rate 500      (in another terminal: calls that happen now, until Ctrl-C)
  npm run kafka:down`;
}

/** Warnings of the client are not shown: what it cannot recover from is thrown as an error. */
const quiet: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** Records of a topic above the group's committed offsets; null if it has committed nothing yet. */
async function groupLag(admin: Admin, groupId: string, topic: string): Promise<number | null> {
  const [committed] = await admin.fetchOffsets({ groupId, topics: [topic] });
  const ends = new Map((await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, Number(high)]));
  const partitions = committed?.partitions ?? [];
  if (partitions.every(({ offset }) => Number(offset) < 0)) return null;
  return partitions.reduce(
    (sum, { partition, offset }) => sum + (ends.get(partition) ?? 0) - Math.max(0, Number(offset)),
    0,
  );
}
