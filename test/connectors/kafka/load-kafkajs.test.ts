import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadKafkaJs } from '../../../connectors/kafka/load-kafkajs.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { tidemark } from '../../support/tidemark.ts';

const require = createRequire(import.meta.url);

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
  for (const file of Object.keys(require.cache)) if (/[\\/]kafkajs[\\/]/.test(file)) delete require.cache[file];
  expect(looksAgain(idle)).toBe(true);
  loadKafkaJs();
  expect(looksAgain(idle)).toBe(false);
  const throttled = (queue: RequestQueue): void => {
    queue.throttledUntil = Date.now() + 60_000;
    queue.pending.push({});
  };
  expect(looksAgain(throttled)).toBe(true);
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
  expect(stderr).toContain(`records packed with ${codec} cannot be read on this machine: it is not installed here`);
  expect(code).toBe(78);
});
