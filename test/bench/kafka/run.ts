import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { Broker } from '../../../ops/local-kafka/broker.ts';
import { pipInstall } from '../../../ops/local-kafka/java.ts';
import { Registry } from '../../../ops/local-kafka/registry.ts';
import { fetchOnce } from '../../../ops/local-kafka/tools.ts';
import { describeMachine, median } from '../machine.ts';
import { installedPeers, type Measured, measure, projectRoot, ServiceUnderTest } from './children.ts';
import { writeAvro, writeMonth } from './events-file.ts';
import { idlePart, latencyPart, type QuietBench, tricklePart } from './quiet.ts';
import { besidePart, rebuildPart } from './replay.ts';

/**
 * `npm run bench:kafka [-- part…]`: the service against a real broker on the same machine, beside kafkajs alone and the
 * programs that a user might write or take instead, each in a process of its own and in the same run.
 */
const parts = {
  ...{ avro: compareAvro, json: compareJson, 'catch-up': catchUp },
  ...{ latency: latencyPart, trickle: tricklePart, idle: idlePart },
  ...{ rebuild: withReplays(rebuildPart), beside: withReplays(besidePart) },
};
const asked = process.argv.slice(2);
const rounds = Number(process.env.BENCH_ROUNDS ?? 3);
const avroEvents = Number(process.env.BENCH_EVENTS ?? 1_000_000);
const catchUpEvents = Number(process.env.BENCH_CATCH_UP ?? 10_000_000);
const folder = path.join(tmpdir(), 'tidemark-bench-kafka');
const peers = path.join(projectRoot, 'test/bench/peers');

interface Bench extends QuietBench {
  readonly broker: Broker;
  readonly registry: Registry;
  readonly ids: Readonly<Record<string, number>>;
  readonly python: NodeJS.ProcessEnv;
}

async function main(): Promise<void> {
  process.chdir(projectRoot);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const installed = await installedPeers();
  const broker = await Broker.start({ dir: path.join(folder, 'kafka') });
  const registry = await Registry.start({ dir: path.join(folder, 'registry') });
  try {
    console.log(`kafka, ${describeMachine()}, broker on the same machine; medians of ${rounds}`);
    const bench: Bench = {
      ...{ broker, registry, ids: await registerAll(registry.url), python: { PYTHONPATH: installed } },
      brokers: broker.brokers,
      makeTopic: (topic, partitions) => makeTopic(bench, topic, partitions),
      start: (topic, name) => start(bench, topic, name),
    };
    for (const [name, part] of Object.entries(parts)) if (asked.length === 0 || asked.includes(name)) await part(bench);
  } finally {
    await broker.stop();
    await registry.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compareAvro(bench: Bench): Promise<void> {
  const topic = await fill(bench, 'avro', 'lz4', file => writeAvro(file, avroEvents, bench.ids));
  const runs = { alone: [] as Measured[], python: [] as Measured[], ours: [] as (Measured & { peakMb: number })[] };
  for (let round = 0; round < rounds; round += 1) {
    const events = String(avroEvents);
    runs.alone.push(await measure(process.execPath, [program('kafkajs-alone.js'), address(bench), topic, events]));
    runs.ours.push(await ours(bench, topic, avroEvents, `avro-${round}`));
    const database = path.join(folder, `python-${round}.duckdb`);
    const args = [address(bench), topic, events, 'schemas/avro', database, JSON.stringify(bench.ids)];
    runs.python.push(await measure('python3', [path.join(peers, 'avro_to_duckdb.py'), ...args], bench.python));
  }
  console.log(` Avro to tables, ${avroEvents} events of about 270 bytes, lz4`);
  const [alone, mine, python] = [
    line('kafkajs alone', runs.alone),
    line('tidemark', runs.ours),
    line('Python script', runs.python),
  ];
  console.log(`  tidemark peak ${median(runs.ours.map(({ peakMb }) => peakMb))} MB`);
  console.log(
    `  ${(mine / alone).toFixed(2)} of kafkajs alone (target 0.4); ${(mine / python).toFixed(1)} × the script (target 3)`,
  );
}

async function compareJson(bench: Bench): Promise<void> {
  let events = 0;
  const topic = await fill(bench, 'json', 'lz4', async file => {
    events = await writeMonth(file);
    return events;
  });
  const others = await fetchOnce('bench-engines', target =>
    pipInstall(['pathway==0.33.0', 'quixstreams==3.28.0'], target),
  );
  const engines = { PYTHONPATH: others };
  const runs = { pathway: [] as Measured[], quix: [] as Measured[], ours: [] as Measured[] };
  for (let round = 0; round < rounds; round += 1) {
    runs.pathway.push(
      await measure('python3', [path.join(peers, 'pathway_count.py'), address(bench), topic, String(events)], engines),
    );
    runs.ours.push(await ours(bench, topic, events, `json-${round}`, 'start included'));
    const csv = path.join(folder, `quix-${round}.csv`);
    runs.quix.push(
      await measure('python3', [path.join(peers, 'quix_csv.py'), address(bench), topic, String(events), csv], engines),
    );
  }
  console.log(` JSON to tables, the month of calls, ${events} events, every program's start included`);
  const [pathway, mine, quix] = [
    line('pathway, counting', runs.pathway),
    line('tidemark', runs.ours),
    line('quixstreams, to CSV', runs.quix),
  ];
  console.log(
    `  ${(mine / pathway).toFixed(2)} of pathway (target 0.8); ${(mine / quix).toFixed(1)} × quixstreams (target 4)`,
  );
}

async function catchUp(bench: Bench): Promise<void> {
  const topic = await fill(bench, 'catch-up', 'lz4', file => writeAvro(file, catchUpEvents, bench.ids));
  const service = start(bench, topic, 'catch-up');
  await service.until(() => service.stored >= catchUpEvents);
  const begin = service.timeOf('partitions were assigned');
  const stored = service.lines.filter(({ msg }) => msg === 'batch stored');
  const timeAt = (records: number): number => {
    let sum = 0;
    for (const { records: of = 0, time } of stored) {
      sum += of;
      if (sum >= records) return Date.parse(time);
    }
    return Number.NaN;
  };
  const first = 1_000_000 / ((timeAt(1_000_000) - begin) / 1000);
  const last = 1_000_000 / ((timeAt(catchUpEvents) - timeAt(catchUpEvents - 1_000_000)) / 1000);
  const { cpuSeconds, peakMb } = service.usage();
  await service.stop();
  console.log(` catch-up of ${catchUpEvents} events`);
  console.log(
    `  first million ${Math.round(first)}/s, last ${Math.round(last)}/s: ${(last / first).toFixed(2)} (target 0.8)`,
  );
  console.log(`  peak ${peakMb} MB (target 900); ${((cpuSeconds / catchUpEvents) * 1e6).toFixed(1)} CPU s per million`);
}

/** A part that reads topics again. */
function withReplays(part: typeof rebuildPart) {
  return (bench: Bench): Promise<void> =>
    part({
      ...{ ...bench, folder, rounds },
      fillAvro: (name, events) => fill(bench, name, 'lz4', file => writeAvro(file, events, bench.ids)),
      ours: (topic, events, name) => ours(bench, topic, events, name),
    });
}

async function ours(bench: Bench, topic: string, events: number, name: string, from?: 'start included') {
  const spawned = Date.now();
  const service = start(bench, topic, name);
  await service.until(() => service.stored >= events);
  const end = Date.parse(service.lines.findLast(({ msg }) => msg === 'batch stored')?.time ?? '');
  const begin = from === undefined ? service.timeOf('partitions were assigned') : spawned;
  const { cpuSeconds, peakMb } = service.usage();
  await service.stop();
  return { records: events, seconds: (end - begin) / 1000, cpu_seconds: cpuSeconds, peakMb };
}

function start({ broker, registry }: Bench, topic: string, name: string): ServiceUnderTest {
  return new ServiceUnderTest({
    kafka_brokers: broker.brokers.join(','),
    kafka_topics: topic,
    kafka_group: name,
    registry_url: registry.url,
    db: path.join(folder, `${name}.duckdb`),
    export_root: path.join(folder, 'out'),
  });
}

/** Prints a program's median, and gives its rate. */
function line(name: string, runs: readonly Measured[]): number {
  const rate = median(runs.map(({ records, seconds }) => records / seconds));
  const cpu = median(runs.map(({ records, cpu_seconds }) => (cpu_seconds / records) * 1e6));
  console.log(
    `  ${name.padEnd(20)} ${String(Math.round(rate)).padStart(8)}/s  ${cpu.toFixed(1).padStart(5)} CPU s per million`,
  );
  return rate;
}

async function fill(
  bench: Bench,
  name: string,
  codec: string,
  write: (file: string) => Promise<number>,
): Promise<string> {
  const topic = await makeTopic(bench, name);
  const file = path.join(folder, `${name}.frames`);
  await write(file);
  const { status } = (await import('node:child_process')).spawnSync(
    'python3',
    [path.join(peers, 'produce.py'), address(bench), topic, codec, file],
    { env: { ...process.env, ...bench.python }, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  rmSync(file);
  if (status !== 0) throw new Error(`could not produce to ${topic}`);
  return topic;
}

async function makeTopic({ broker }: Bench, topic: string, partitions = 3): Promise<string> {
  const admin = new Kafka({ brokers: [...broker.brokers], logLevel: logLevel.ERROR }).admin();
  await admin.connect();
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: partitions }] });
  await admin.disconnect();
  return topic;
}

async function registerAll(url: string): Promise<Readonly<Record<string, number>>> {
  const ids: Record<string, number> = {};
  for (const file of readdirSync('schemas/avro').filter(name => name.endsWith('.avsc'))) {
    const kind = file.replace(/\.avsc$/, '');
    const response = await fetch(`${url}/subjects/bench-${kind}/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ schema: readFileSync(path.join('schemas/avro', file), 'utf8') }),
    });
    ids[kind] = ((await response.json()) as { id: number }).id;
  }
  return ids;
}

function address({ broker }: Bench): string {
  return broker.brokers.join(',');
}

function program(name: string): string {
  return path.join(projectRoot, 'dist/test/bench/kafka', name);
}

await main();
