import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import path from 'node:path';
import type * as KafkaJs from 'kafkajs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { loadKafkaJs } from '../../../../connectors/kafka/client/load-kafkajs.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';
import { tidemark } from '../../../support/tidemark.ts';

const require = createRequire(import.meta.url);

/** Makes the next `require` of kafkajs load its unpatched files. */
function unloadKafkaJs(): void {
  for (const file of Object.keys(require.cache)) if (/[\\/]kafkajs[\\/]/.test(file)) delete require.cache[file];
}

interface RequestQueue {
  readonly pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: unknown;
  checkPendingRequests(): void;
  destroy(): void;
}

/** True when kafkajs's request queue, after a check of its pending requests, schedules another check. */
function schedulesCheck(prepare: (queue: RequestQueue) => void): boolean {
  const Queue: new (options: object) => RequestQueue = require('kafkajs/src/network/requestQueue/index.js');
  const logger = { debug: () => undefined };
  const queue = new Queue({ logger, enforceRequestTimeout: false, maxInFlightRequests: null });
  try {
    prepare(queue);
    queue.checkPendingRequests();
    return queue.throttleCheckTimeoutId !== null;
  } finally {
    queue.destroy();
  }
}

const idle = (): void => undefined;

test('an idle client does not poll, and one with a throttled request still checks it', () => {
  // Unpatched, kafkajs checks again every millisecond.
  unloadKafkaJs();
  expect(schedulesCheck(idle)).toBe(true);
  loadKafkaJs();
  expect(schedulesCheck(idle)).toBe(false);
  const throttled = (queue: RequestQueue): void => {
    queue.throttledUntil = Date.now() + 60_000;
    queue.pending.push({});
  };
  expect(schedulesCheck(throttled)).toBe(true);
});

interface Connection {
  readonly socket: Socket | undefined;
  connect(): Promise<unknown>;
  disconnect(): Promise<unknown>;
}

/** Ends a connection of kafkajs five times after its other side has closed it, then connects again. */
async function endFiveTimes(): Promise<{ listeners: number; connectsAgain: boolean }> {
  const server = createServer(socket => socket.destroy());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const Connection: new (options: object) => Connection = require('kafkajs/src/network/connection.js');
    const socketFactory = require('kafkajs/src/network/socketFactory.js')();
    const quiet = { debug: idle, error: idle, namespace: () => quiet };
    const connection = new Connection({
      host: '127.0.0.1',
      port,
      logger: quiet,
      socketFactory,
      connectionTimeout: 5_000,
    });
    await connection.connect();
    const socket = connection.socket!;
    await once(socket, 'close');
    for (let i = 0; i < 5; i++) await connection.disconnect();
    const listeners = socket.listenerCount('connect');
    await connection.connect();
    const connectsAgain = connection.socket !== undefined && connection.socket !== socket;
    await connection.disconnect();
    return { listeners, connectsAgain };
  } finally {
    server.close();
  }
}

test('ending a closed connection again and again adds no listeners to its socket', async () => {
  // Unpatched, kafkajs adds a listener to the closed socket each time.
  unloadKafkaJs();
  expect((await endFiveTimes()).listeners).toBeGreaterThanOrEqual(5);
  vi.resetModules();
  const { loadKafkaJs: loadAnew } = await import('../../../../connectors/kafka/client/load-kafkajs.ts');
  loadAnew();
  expect(await endFiveTimes()).toEqual({ listeners: 0, connectsAgain: true });
});

const logger = { namespace: () => logger, debug: idle };

test('a group member continues as the former member, fetches by topic ids, and reports that it has left', async () => {
  loadKafkaJs();
  const ConsumerGroup: new (
    options: object,
  ) => {
    memberId: string | null;
    rackId: unknown;
    coordinator: object;
    leave(): Promise<void>;
  } = require('kafkajs/src/consumer/consumerGroup.js');
  const topicIds = new Map([['t', 'id']]);
  const [onLeft, leaveGroup] = [vi.fn(), vi.fn()];
  const group = new ConsumerGroup({ logger, assigners: [{ formerMemberId: 'former', topicIds, onLeft }] });
  expect(group).toMatchObject({ memberId: 'former', rackId: topicIds });
  group.coordinator = { leaveGroup: leaveGroup.mockRejectedValueOnce(new Error('away')) };
  await expect(group.leave()).rejects.toThrow('away');
  expect(onLeft).not.toHaveBeenCalled();
  await group.leave();
  await group.leave();
  expect(onLeft).toHaveBeenCalledOnce();
  expect(new ConsumerGroup({ logger, assigners: [{}] })).toMatchObject({ memberId: null, rackId: '' });
});

/** Whether an admin client of kafkajs gives the brokers that it is connected to. */
const givesBrokers = ({ Kafka, logLevel }: typeof KafkaJs): boolean =>
  'brokers' in new Kafka({ brokers: ['localhost:9'], logLevel: logLevel.NOTHING }).admin();

test('an admin client gives its brokers, so that they can be asked for all topics at once', async () => {
  unloadKafkaJs();
  expect(givesBrokers(require('kafkajs'))).toBe(false);
  vi.resetModules();
  const { loadKafkaJs: loadAnew } = await import('../../../../connectors/kafka/client/load-kafkajs.ts');
  expect(givesBrokers(loadAnew())).toBe(true);
});

test('a request that every broker refuses fails with the last refusal', async () => {
  loadKafkaJs();
  const BrokerPool: new (
    options: object,
  ) => {
    brokers: object;
    findBroker: () => Promise<object>;
    withBroker(request: () => Promise<unknown>): Promise<unknown>;
  } = require('kafkajs/src/cluster/brokerPool.js');
  const pool = new BrokerPool({ logger });
  pool.brokers = { 1: {}, 2: {} };
  pool.findBroker = async () => ({});
  const request = vi.fn(async () => Promise.reject(new Error('no right')));
  await expect(pool.withBroker(request)).rejects.toThrow('no right');
  expect(request).toHaveBeenCalledTimes(2);
  expect(await pool.withBroker(async () => 'done')).toBe('done');
});

test.each([
  ['snappy', 'snappy'],
  ['lz4', 'lz4-napi'],
])('a machine without a working %s codec is refused at the start, not at the first batch', async (codec, module) => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const preload = path.join(folder.path, 'without.cjs');
  await writeFile(
    preload,
    `const Module = require('node:module');
     const resolve = Module._resolveFilename;
     Module._resolveFilename = function (name, ...rest) {
       if (name === '${module}') throw new Error('it is not installed here');
       return resolve.call(this, name, ...rest);
     };`,
  );
  const kafka = ['--kafka-brokers', '127.0.0.1:1', '--kafka-topics', 't'];
  const { code, stderr } = await tidemark(
    ['run', ...kafka, '--db', path.join(folder.path, 'x.duckdb'), '--http-port', '0'],
    {
      cwd: folder.path,
      env: { NODE_OPTIONS: `--require ${preload}` },
    },
  );
  expect(stderr).toContain(`records compressed with ${codec} cannot be read on this machine: it is not installed here`);
  expect(code).toBe(78);
});
