import { readdir } from 'node:fs/promises';
import net from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { addRefusals } from '../../../connectors/http/refusals.ts';
import { ResponseStreams } from '../../../connectors/http/response-streams.ts';
import { slowClientLimits } from '../../../connectors/http/slow-clients.ts';
import type { StreamedQuery } from '../../../connectors/http/spooled-answer.ts';
import { request } from '../../support/raw-http.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let folder: string;
beforeEach(async () => {
  const made = await temporaryFolder();
  onTestFinished(made.remove);
  folder = made.path;
});

/** A query with these parts of an answer, and whether it was closed. */
class Query implements StreamedQuery {
  isClosed = false;
  isInterrupted = false;
  readonly #write: StreamedQuery['write'];
  #fail: (error: Error) => void = () => undefined;

  constructor(write: StreamedQuery['write']) {
    this.#write = write;
  }

  write(sink: Parameters<StreamedQuery['write']>[0]): Promise<unknown> {
    const interrupted = new Promise((_, reject) => {
      this.#fail = reject;
    });
    return Promise.race([this.#write(sink), interrupted]);
  }

  interrupt(): void {
    this.isInterrupted = true;
    this.#fail(new Error('interrupted'));
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

async function serving(query: Query, { atOnce = 8, maxBytes = 1e9, open = async () => query } = {}) {
  const server: FastifyInstance = Fastify({ forceCloseConnections: true });
  const log = { warn: () => undefined, error: () => undefined } as never;
  addRefusals(server, { roots: [], log });
  const streams = new ResponseStreams({
    slowClients: slowClientLimits(60_000),
    spool: { folder, maxBytes },
    atOnce,
    log,
  });
  server.get('/stream', (asked, reply) => streams.answer(asked, reply, open));
  await server.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    query.interrupt();
    await server.close();
  });
  return { streams, port: server.addresses()[0]!.port };
}

function connected(port: number): net.Socket {
  const client = net.connect({ host: '127.0.0.1', port });
  onTestFinished(() => void client.destroy());
  client.on('error', () => undefined);
  client.write(request('GET /stream').join('\r\n'));
  return client;
}

const never = () => new Promise<void>(() => undefined);

test('a query that has found nothing yet is interrupted when its client disconnects', async () => {
  const query = new Query(never);
  const { port } = await serving(query);
  const client = connected(port);
  client.once('connect', () => client.destroy());
  await expect.poll(() => query.isInterrupted, { message: 'the query runs on for nobody' }).toBe(true);
  await expect.poll(() => query.isClosed).toBe(true);
});

test('a client that reads nothing holds no snapshot: its query ends while the answer waits on disk', async () => {
  const piece = Buffer.alloc(1 << 20, 0x20);
  const query = new Query(async sink => {
    for (let count = 0; count < 64; count += 1) await sink(piece);
  });
  const { port, streams } = await serving(query);
  const client = connected(port);
  client.pause();
  await expect.poll(() => query.isClosed, { timeout: 30_000 }).toBe(true);
  expect(await readdir(folder), 'what is kept on disk has no name').toEqual([]);
  await streams.stop();
});

test('the whole answer comes, with its length', async () => {
  const query = new Query(async sink => {
    for (const text of ['[1,', '2,', '3]']) await sink(Buffer.from(text));
  });
  const { port } = await serving(query);
  const answer = await fetch(`http://127.0.0.1:${port}/stream`);
  expect([answer.headers.get('content-length'), await answer.json()]).toEqual(['7', [1, 2, 3]]);
});

test('an answer that is larger than allowed is refused with 507, and nothing of it is sent', async () => {
  const query = new Query(async sink => {
    for (let count = 0; count < 11; count += 1) await sink(Buffer.alloc(100));
  });
  const { port } = await serving(query, { maxBytes: 1_000 });
  const answer = await fetch(`http://127.0.0.1:${port}/stream`);
  expect([answer.status, await answer.json()]).toEqual([
    507,
    { exception: 'STREAM_TOO_LARGE', code: 507, message: expect.stringContaining('more than the 1000 bytes') },
  ]);
  expect(query.isClosed).toBe(true);
});

test('one stream too many is refused with 503 and when to come again; a place is free when one has ended', async () => {
  const query = new Query(never);
  const { port } = await serving(query, { atOnce: 1 });
  const first = connected(port);
  const ask = () => fetch(`http://127.0.0.1:${port}/stream`);
  await expect.poll(async () => (await ask()).status).toBe(503);
  const refused = await ask();
  expect([refused.headers.get('retry-after'), await refused.json()]).toEqual([
    '5',
    { exception: 'QUEUE_FULL', code: 503, message: expect.stringContaining('streams_at_once allows no more') },
  ]);
  first.destroy();
  await expect.poll(() => query.isClosed).toBe(true);
});

test('a query that fails is a refusal, not half an answer', async () => {
  const query = new Query(async sink => {
    await sink(Buffer.from('[1,'));
    throw new Error('torn');
  });
  const { port } = await serving(query);
  const answer = await fetch(`http://127.0.0.1:${port}/stream`);
  expect(answer.status).toBe(500);
  expect(query.isClosed).toBe(true);
});

test('a client that leaves while its query waits for a snapshot leaves its place, and the query is closed when it comes', async () => {
  const query = new Query(never);
  let come = (): void => undefined;
  const opening = new Promise<Query>(resolve => {
    come = () => resolve(query);
  });
  const { port } = await serving(query, { atOnce: 1, open: () => opening });
  const first = connected(port);
  const ask = () => fetch(`http://127.0.0.1:${port}/stream`, { signal: AbortSignal.timeout(300) });
  await expect.poll(async () => (await ask()).status).toBe(503);
  first.destroy();
  const whatComes = () =>
    ask().then(
      ({ status }) => status,
      () => 'it waits',
    );
  await expect.poll(whatComes).toBe('it waits');
  come();
  await expect.poll(() => query.isClosed).toBe(true);
});
