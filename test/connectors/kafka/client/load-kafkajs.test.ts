import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import path from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { loadKafkaJs } from '../../../../connectors/kafka/client/load-kafkajs.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';
import { tidemark } from '../../../support/tidemark.ts';

const require = createRequire(import.meta.url);

/** What is asked for next is as its makers left it. */
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

/** A queue of requests as a connection of kafkajs has it, and whether it looks again by itself after a look. */
function looksAgain(prepare: (queue: RequestQueue) => void): boolean {
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

test('an idle client does not poll, and one that waits still looks after its requests', () => {
  // As it comes, it looks again each millisecond for ever.
  unloadKafkaJs();
  expect(looksAgain(idle)).toBe(true);
  loadKafkaJs();
  expect(looksAgain(idle)).toBe(false);
  const throttled = (queue: RequestQueue): void => {
    queue.throttledUntil = Date.now() + 60_000;
    queue.pending.push({});
  };
  expect(looksAgain(throttled)).toBe(true);
});

interface Connection {
  readonly socket: Socket | undefined;
  connect(): Promise<unknown>;
  disconnect(): Promise<unknown>;
}

/** A connection of kafkajs whose other end has gone away, ended five times over. */
async function endedOften(): Promise<{ listeners: number; connectsAgain: boolean }> {
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

test('a connection that is closed keeps nothing more however often it is ended', async () => {
  // As it comes, each end adds a listener to a socket that will never connect.
  unloadKafkaJs();
  expect((await endedOften()).listeners).toBeGreaterThanOrEqual(5);
  vi.resetModules();
  const { loadKafkaJs: loadAnew } = await import('../../../../connectors/kafka/client/load-kafkajs.ts');
  loadAnew();
  expect(await endedOften()).toEqual({ listeners: 0, connectsAgain: true });
});

test.each([
  ['snappy', 'snappy'],
  ['lz4', 'lz4-napi'],
])('a machine that cannot unpack %s is refused at start, not at the first batch', async (codec, module) => {
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
