import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Kafka, logLevel, type Producer } from 'kafkajs';
import { Broker } from '../../../ops/local-kafka/broker.ts';
import { makeLargeStore } from '../large-store.ts';
import { describeMachine, median } from '../machine.ts';
import { installedPeers, projectRoot, ServiceUnderTest } from './children.ts';
import { besideACrowd } from './crowd.ts';

/**
 * `npm run bench:doors [-- part…]`: requests over HTTP against a running service with a real broker: how long an empty
 * window takes, idle and under load; how long it takes with 60 topics; a thousand exports in a row; ingest and a large
 * export at once; an export beside a crowd of slow readers and waiting requests.
 */
const parts = { empty: emptyWindows, many: manyTopics, row: thousandInARow, both: ingestBesideExport, crowd };
const asked = process.argv.slice(2);
const topicCount = 60;
const services = Number(process.env.BENCH_SERVICES ?? 833_340);
const folder = path.join(tmpdir(), 'tidemark-bench-doors');
const emptyWindow = { time_from: '1990-01-01T00:00:00Z', time_to: '1990-01-02T00:00:00Z' };

async function main(): Promise<void> {
  process.chdir(projectRoot);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const broker = await Broker.start({ dir: path.join(folder, 'kafka') });
  try {
    console.log(`doors, ${describeMachine()}, broker on the same machine`);
    for (const [name, part] of Object.entries(parts))
      if (asked.length === 0 || asked.includes(name)) await part(broker);
  } finally {
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function emptyWindows(broker: Broker): Promise<void> {
  const { service, url, producer } = await startOn(broker, ['empty'], path.join(folder, 'empty.duckdb'));
  await send(producer, 'empty', 1_000, 0);
  await service.until(() => service.stored >= 1_000);
  const idle = [];
  for (let number = 0; number < 300; number += 1)
    idle.push(await post(url, { file_prefix: `idle/${number}_`, ...emptyWindow }));
  console.log(
    ` an empty window with no unread records: p50 ${at(idle, 0.5)} ms (target 25), p99 ${at(idle, 0.99)} ms (target 100)`,
  );

  const load = produceAtRate(producer, 'empty', 1_000);
  const loaded = [];
  for (let number = 0; number < 200; number += 1)
    loaded.push(await post(url, { file_prefix: `load/${number}_`, ...emptyWindow }));
  await load.stop();
  const waits = service.lines
    .filter(({ msg }) => msg === 'export completed')
    .slice(-200)
    .map(({ waited_ms: of = 0 }) => of);
  const above = loaded.map((of, index) => of - waits[index]!);
  console.log(
    ` under 1,000 events/s: p50 ${at(loaded, 0.5)} ms, of which waiting for the log's end ${at(waits, 0.5)} ms`,
  );
  console.log(`  above the wait: p50 ${at(above, 0.5)} ms, p99 ${at(above, 0.99)} ms (target 50)`);
  await producer.disconnect();
  await service.stop();
}

async function manyTopics(broker: Broker): Promise<void> {
  const topics = Array.from({ length: topicCount }, (_, number) => `many-${number}`);
  const { service, url, producer } = await startOn(broker, topics, path.join(folder, 'many.duckdb'));
  for (const topic of topics) await send(producer, topic, 10, 0);
  await service.until(() => service.stored >= topicCount * 10);
  const took = [];
  for (let number = 0; number < 100; number += 1)
    took.push(await post(url, { file_prefix: `many/${number}_`, ...emptyWindow }));
  console.log(
    ` an empty window with ${topicCount} topics of three partitions: p50 ${at(took, 0.5)} ms (target 100), p99 ${at(took, 0.99)} ms`,
  );
  await producer.disconnect();
  await service.stop();
}

async function thousandInARow(broker: Broker): Promise<void> {
  const { service, url, producer } = await startOn(broker, ['row'], path.join(folder, 'row.duckdb'));
  await send(producer, 'row', 5_000, 0);
  await service.until(() => service.stored >= 5_000);
  const took: number[] = [];
  const memory: number[] = [];
  for (let number = 0; number < 1_000; number += 1) {
    const window = { time_from: '2030-01-01T00:00:00Z', time_to: '2030-01-01T00:00:01Z' };
    took.push(await post(url, { file_prefix: `row/${number}_`, ...window }));
    if (number % 100 === 99) memory.push(service.usage().nowMb);
  }
  const [first, last] = [median(took.slice(0, 100)), median(took.slice(-100))];
  console.log(
    ` 1,000 small exports in a row: ${first.toFixed(1)} ms among the first hundred, ${last.toFixed(1)} ms among the last`,
  );
  console.log(`  resident memory after each hundred: ${memory.join(', ')} MB`);
  await producer.disconnect();
  await service.stop();
}

async function ingestBesideExport(broker: Broker): Promise<void> {
  const db = path.join(folder, 'both.duckdb');
  await makeLargeStore({ path: db, services, perService: { service: 1, state: 3, task: 2 }, hits: 0 });
  const rows = services * 6;
  const { service, url, producer } = await startOn(broker, ['both'], db);
  const window = { time_from: '2010-01-01T00:00:00Z', time_to: '2029-01-01T00:00:00Z' };
  const alone = await post(url, { file_prefix: 'alone_', ...window });
  const from = service.lines.length;
  const load = await produceBeside(broker, 'both', 50_000);
  const together = await post(url, { file_prefix: 'together_', ...window });
  const produced = load.sent();
  const stored = service.stored;
  const all = await load.stop();
  await service.until(() => service.stored >= all);
  const worst = Math.max(
    ...service.lines
      .slice(from)
      .filter(({ msg }) => msg === 'batch stored')
      .map(({ ms = 0 }) => ms),
  );
  console.log(
    ` an export of ${rows} rows alone ${(alone / 1000).toFixed(1)} s, beside ingest ${(together / 1000).toFixed(1)} s: ${(together / alone).toFixed(2)} × (target 1.5 to 2)`,
  );
  console.log(
    `  meanwhile ${Math.round(produced / (together / 1000))} events/s produced, ${Math.round(stored / (together / 1000))} stored; longest transaction ${worst} ms (target 2000)`,
  );
  await producer.disconnect();
  await service.stop();
}

async function crowd(broker: Broker): Promise<void> {
  const db = path.join(folder, 'crowd.duckdb');
  await makeLargeStore({ path: db, services: 40_000, perService: { service: 1, state: 3, task: 2 }, hits: 0 });
  const { service, url, producer } = await startOn(broker, ['crowd'], db, { export_wait_ms: '600000' });
  const window = { time_from: '2010-01-01T00:00:00Z', time_to: '2029-01-01T00:00:00Z' };
  await besideACrowd({ url, exportOnce: name => post(url, { file_prefix: name, ...window }) });
  await producer.disconnect();
  await service.stop();
}

/** Creates the topics and starts a service that reads them in a group named after the first one. */
async function startOn(
  broker: Broker,
  topics: readonly string[],
  db: string,
  more: Readonly<Record<string, string>> = {},
) {
  const [group = ''] = topics;
  const kafka = new Kafka({ brokers: [...broker.brokers], logLevel: logLevel.ERROR });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ waitForLeaders: true, topics: topics.map(topic => ({ topic, numPartitions: 3 })) });
  await admin.disconnect();
  const service = new ServiceUnderTest({
    kafka_brokers: broker.brokers.join(','),
    kafka_topics: topics.join(','),
    kafka_group: group,
    db,
    export_root: path.join(folder, `out-${group}`),
    ...more,
  });
  await service.until(() => service.lines.some(({ msg }) => msg === 'partitions were assigned'));
  const producer = kafka.producer();
  await producer.connect();
  return { service, url: service.lines.find(({ url: of }) => of !== undefined)!.url!, producer };
}

/** The milliseconds until the answer, which comes when the files are there. */
async function post(url: string, query: Readonly<Record<string, string>>): Promise<number> {
  const began = performance.now();
  const target = `${url}/genesys/1/cs/maintenance/services/files?${new URLSearchParams(query)}`;
  const response = await fetch(target, { method: 'POST' });
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
  await response.arrayBuffer();
  return performance.now() - began;
}

async function send(producer: Producer, topic: string, count: number, first: number): Promise<void> {
  const messages = Array.from({ length: count }, (_, index) => {
    const id = `s-${first + index}`;
    const timestamp = new Date(1_893_456_000_000 + first + index).toISOString();
    const end = {
      event: 'service.completed',
      service_id: id,
      timestamp,
      disposition: 'ok',
      session_id: 'UYO5AV5G2KF3',
    };
    return { key: id, value: JSON.stringify(end) };
  });
  await producer.send({ topic, messages, acks: 1 });
}

/** Produces so many events a second from a process of its own, beside which this one only waits. */
async function produceBeside({ brokers }: Broker, topic: string, rate: number) {
  const PYTHONPATH = await installedPeers();
  const args = ['test/bench/peers/produce_rate.py', brokers.join(','), topic, String(rate)];
  const child = spawn('python3', args, {
    env: { ...process.env, PYTHONPATH },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let sent = 0;
  const lines = createInterface({ input: child.stdout }).on('line', line => {
    sent = Number(line);
  });
  await once(lines, 'line');
  return {
    sent: () => sent,
    /** Gives how many were produced in all. */
    async stop(): Promise<number> {
      child.kill('SIGTERM');
      await once(lines, 'close');
      return sent;
    },
  };
}

/** Produces so many events a second until it is stopped. */
function produceAtRate(producer: Producer, topic: string, rate: number) {
  const tickMs = 20;
  const each = (rate * tickMs) / 1000;
  let sent = 0;
  let pending = Promise.resolve();
  const began = performance.now();
  const timer = setInterval(() => {
    while (sent < ((performance.now() - began) / tickMs) * each) {
      const first = 1_000_000 + sent;
      sent += each;
      pending = Promise.all([pending, send(producer, topic, each, first)]).then(() => undefined);
    }
  }, tickMs);
  return {
    async stop(): Promise<void> {
      clearInterval(timer);
      await pending;
    },
  };
}

function at(values: readonly number[], share: number): string {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length * share)]!.toFixed(1);
}

await main();
