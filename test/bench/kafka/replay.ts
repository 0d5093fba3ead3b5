import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { median } from '../machine.ts';
import { type Measured, measure, projectRoot } from './children.ts';
import { measureLatency } from './latency.ts';
import type { QuietBench } from './quiet.ts';

/** What the parts need that read a topic again. */
interface ReplayBench extends QuietBench {
  readonly registry: { readonly url: string };
  readonly folder: string;
  readonly rounds: number;
  /** A new topic with so many events in Avro. */
  fillAvro(name: string, events: number): Promise<string>;
  /** How long a new service took for all events of a topic. */
  ours(topic: string, events: number, name: string): Promise<Measured>;
}

const program = path.join(projectRoot, 'dist/ops/tidemark.cjs');

/** A topic read again into a database beside a service that catches up with the same topic, by turns. */
export async function rebuildPart(bench: ReplayBench): Promise<void> {
  const events = Number(process.env.BENCH_EVENTS ?? 1_000_000);
  const topic = await bench.fillAvro('rebuild', events);
  const rates = { live: [] as number[], replay: [] as number[] };
  for (let round = 0; round < bench.rounds; round += 1) {
    const live = await bench.ours(topic, events, `rebuild-${round}`);
    rates.live.push(events / live.seconds);
    const replay = await replayOnce(bench, topic);
    if (replay.records_read !== events) throw new Error(`the replay read ${replay.records_read} of ${events} events`);
    rates.replay.push(events / replay.seconds);
  }
  const [live, replay] = [median(rates.live), median(rates.replay)];
  console.log(` a replay of ${events} events beside a service that catches up`);
  console.log(
    `  live ${Math.round(live)}/s, replay ${Math.round(replay)}/s: ${(replay / live).toFixed(2)} of it (target 0.95)`,
  );
}

/** How long an event takes until it is in the table of a service, alone and while another topic is replayed beside it. */
export async function besidePart(bench: ReplayBench): Promise<void> {
  const seconds = 20;
  const replayed = await bench.fillAvro('beside', Number(process.env.BENCH_EVENTS ?? 1_000_000));
  const topic = await bench.makeTopic('beside-live');
  const service = bench.start(topic, 'beside-live');
  await service.until(() => service.lines.some(({ msg }) => msg === 'partitions were assigned'));
  const measured = (seconds: number) =>
    measureLatency({ brokers: bench.brokers, topic, partitions: 3, seconds }, service);
  // What starting costs is not counted.
  await measured(5);
  const p99 = { alone: [] as number[], beside: [] as number[] };
  for (let round = 0; round < bench.rounds; round += 1) {
    p99.alone.push((await measured(seconds)).p99);
    const replaying = replayUntilStopped(bench, replayed);
    p99.beside.push((await measured(seconds)).p99);
    await replaying.stop();
  }
  await service.stop();
  const [alone, beside] = [median(p99.alone), median(p99.beside)];
  console.log(' produce to visible in the table at 1,000 events/s, alone and beside a replay');
  console.log(`  p99 ${alone} ms and ${beside} ms: ${(beside / alone).toFixed(2)} × (target at most 2)`);
}

/** The command that reads the whole topic again, without paths: what the settings name. */
function replayArgs({ brokers, registry, folder }: ReplayBench, topic: string): readonly string[] {
  const config = path.join(folder, `replay-${topic}.yaml`);
  writeFileSync(config, stringify({ kafka_brokers: brokers, kafka_topics: [topic], registry_url: registry.url }));
  const into = path.join(folder, `replay-${topic}.duckdb`);
  for (const file of [into, `${into}.wal`]) rmSync(file, { force: true });
  return ['replay', '--into', into, '--config', config, '--json'];
}

async function replayOnce(bench: ReplayBench, topic: string) {
  return (await measure(program, replayArgs(bench, topic))) as unknown as Measured & { readonly records_read: number };
}

/** Replays again and again, until `stop` ends the last one. */
function replayUntilStopped(bench: ReplayBench, topic: string) {
  let isStopped = false;
  const start = () => spawn(program, replayArgs(bench, topic), { stdio: ['ignore', 'ignore', 'inherit'] });
  let child = start();
  const replaying = (async () => {
    while (!isStopped) {
      const [code] = await once(child, 'close');
      if (!isStopped && code !== 0) throw new Error(`a replay ended with ${code}`);
      if (!isStopped) child = start();
    }
  })();
  // `stop` throws it; until then nobody waits for it.
  replaying.catch(() => undefined);
  return {
    async stop(): Promise<void> {
      isStopped = true;
      child.kill('SIGINT');
      await replaying;
    },
  };
}
