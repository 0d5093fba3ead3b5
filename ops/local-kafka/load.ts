import { setTimeout as after } from 'node:timers/promises';
import type { Admin, Kafka, Message, Producer } from 'kafkajs';
import type { Call } from './calls.ts';

interface Load {
  readonly kafka: Kafka;
  readonly topic: string;
  readonly calls: AsyncIterable<Call>;
  readonly encode: (call: Call) => Buffer;
  /** Events a second, at most; null for as fast as possible. */
  readonly rate: number | null;
  readonly signal: AbortSignal;
  /** Called after each acknowledged send, with its bytes and its number of events. */
  sent(bytes: number, records: number): void;
}

const batchRecords = 2_000;
const ticksPerSecond = 10;

/** Creates the topic if it does not exist, without a retention, so that old records stay. */
export async function makeTopic(admin: Admin, topic: string, numPartitions: number): Promise<void> {
  const configEntries = [{ name: 'retention.ms', value: '-1' }];
  await admin.createTopics({
    waitForLeaders: true,
    topics: [{ topic, numPartitions, configEntries }],
  });
}

/** Sends events until there are no more or the signal aborts. Events of one service go to one partition, in order. */
export async function sendCalls(load: Load): Promise<void> {
  const producer = load.kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  try {
    const size = load.rate === null ? batchRecords : Math.max(1, Math.round(load.rate / ticksPerSecond));
    const pause = pacer(load.rate);
    let messages: Message[] = [];
    for await (const call of load.calls) {
      messages.push(messageOf(call, load.encode));
      if (messages.length < size) continue;
      await send(producer, messages, load);
      messages = [];
      await pause(size, load.signal);
      if (load.signal.aborted) break;
    }
    if (messages.length > 0) await send(producer, messages, load);
  } finally {
    await producer.disconnect();
  }
}

function messageOf(call: Call, encode: Load['encode']): Message {
  return { key: call.service_id, value: encode(call), timestamp: String(Date.parse(call.timestamp)) };
}

async function send(producer: Producer, messages: Message[], { topic, sent }: Load): Promise<void> {
  await producer.send({ topic, messages, acks: -1 });
  sent(
    messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0),
    messages.length,
  );
}

/** Waits until the next event is due. At most one second of a delay is made up for by sending faster. */
function pacer(rate: number | null): (records: number, signal: AbortSignal) => Promise<void> {
  let due = performance.now();
  return async (records, signal) => {
    if (rate === null) return;
    const now = performance.now();
    due = Math.max(due + (records / rate) * 1_000, now - 1_000);
    if (due > now) await after(due - now, undefined, { signal }).catch(() => undefined);
  };
}
