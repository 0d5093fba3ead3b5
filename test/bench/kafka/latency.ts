import { setTimeout as pause } from 'node:timers/promises';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import type { ServiceUnderTest } from './children.ts';

const perTick = 10;
const tickMs = 10;

interface Trickle {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly partitions: number;
  readonly seconds: number;
}

/** Produces 1,000 events a second to a service that has caught up, and compares when each was sent with when the batch that holds it was stored. */
export async function measureLatency({ brokers, topic, partitions, seconds }: Trickle, service: ServiceUnderTest) {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.ERROR });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const sent: { readonly partition: number; readonly offset: number; readonly at: number }[] = [];
  const pending: Promise<void>[] = [];
  const storedBefore = service.stored;
  const began = performance.now();
  for (let tick = 0; tick < (seconds * 1000) / tickMs; tick += 1) {
    const at = Date.now();
    const partition = tick % partitions;
    const messages = Array.from({ length: perTick }, (_, index) => ({
      partition,
      key: `s-${tick}-${index}`,
      value: `{"event":"service.started","service_id":"s-${tick}-${index}","timestamp":"${new Date(at).toISOString()}"}`,
    }));
    pending.push(
      producer.send({ topic, messages, acks: 1 }).then(([answer]) => {
        for (let index = 0; index < perTick; index += 1)
          sent.push({ partition, offset: Number(answer?.baseOffset) + index, at });
      }),
    );
    await pause(Math.max(began + (tick + 1) * tickMs - performance.now(), 0));
  }
  await Promise.all(pending);
  await service.until(() => service.stored >= storedBefore + sent.length);
  await producer.disconnect();
  const batches = service.lines.filter(({ msg }) => msg === 'batch stored');
  const waits = sent.map(({ partition, offset, at }) => {
    const batch = batches.find(of => of.partition === partition && offset >= of.from! && offset < of.next!);
    return Date.parse(batch?.time ?? '') - at;
  });
  const sorted = waits.toSorted((one, other) => one - other);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)]!;
  return { p50: at(0.5), p99: at(0.99), events: sorted.length };
}
