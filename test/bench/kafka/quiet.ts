import { setTimeout as pause } from 'node:timers/promises';
import type { ServiceUnderTest } from './children.ts';
import { measureLatency } from './latency.ts';

/** What the parts with little or nothing to read need. */
export interface QuietBench {
  readonly brokers: readonly string[];
  makeTopic(topic: string, partitions?: number): Promise<string>;
  start(topic: string, name: string): ServiceUnderTest;
}

/** How long an event takes from its sending until it is in the table. */
export async function latencyPart(bench: QuietBench): Promise<void> {
  const topic = await bench.makeTopic('latency');
  const service = bench.start(topic, 'latency');
  await service.until(() => service.lines.some(({ msg }) => msg === 'partitions were assigned'));
  const trickle = { brokers: bench.brokers, topic, partitions: 3, seconds: 20 };
  const { p50, p99, events } = await measureLatency(trickle, service);
  await service.stop();
  console.log(` produce to visible in the table, ${events} events at 1,000/s`);
  console.log(`  p50 ${p50} ms (target 500), p99 ${p99} ms (target 1500)`);
}

/** What a caught-up service costs while 1,000 events a second come over six partitions. */
export async function tricklePart(bench: QuietBench): Promise<void> {
  const seconds = 60;
  const topic = await bench.makeTopic('trickle', 6);
  const service = bench.start(topic, 'trickle');
  await service.until(() => service.lines.some(({ msg }) => msg === 'partitions were assigned'));
  // What starting costs is not counted.
  await measureLatency({ brokers: bench.brokers, topic, partitions: 6, seconds: 5 }, service);
  const before = service.usage().cpuSeconds;
  const from = service.lines.length;
  const { p50, p99, events } = await measureLatency({ brokers: bench.brokers, topic, partitions: 6, seconds }, service);
  const share = (service.usage().cpuSeconds - before) / seconds;
  const times = new Set(service.lines.slice(from).flatMap(({ msg, time }) => (msg === 'batch stored' ? [time] : [])));
  await service.stop();
  console.log(` a trickle of 1,000 events/s over 6 partitions, ${events} events`);
  console.log(
    `  ${(share * 100).toFixed(0)} % of a core (target 25), about ${(times.size / seconds).toFixed(1)} transactions/s; p50 ${p50} ms (target 250), p99 ${p99} ms (target 500)`,
  );
}

/** What a service costs that has nothing to read. */
export async function idlePart(bench: QuietBench): Promise<void> {
  const seconds = 60;
  for (const [partitions, target] of [
    [6, 1],
    [200, 3],
  ] as const) {
    const topic = await bench.makeTopic(`idle-${partitions}`, partitions);
    const service = bench.start(topic, `idle-${partitions}`);
    await service.until(() => service.lines.some(({ msg }) => msg === 'partitions were assigned'));
    await pause(10_000);
    const before = service.usage().cpuSeconds;
    await pause(seconds * 1_000);
    const share = (service.usage().cpuSeconds - before) / seconds;
    await service.stop();
    console.log(` idle with ${partitions} partitions: ${(share * 100).toFixed(1)} % of a core (target ${target})`);
  }
}
