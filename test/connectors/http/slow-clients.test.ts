import { createHash } from 'node:crypto';
import { open, truncate, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import Fastify, { type FastifyInstance } from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import { addDownloadRoutes } from '../../../connectors/http/download-routes.ts';
import { ResponseStreams } from '../../../connectors/http/response-streams.ts';
import { ReceiveRate, type SlowClientLimits, slowClientLimits } from '../../../connectors/http/slow-clients.ts';
import { recordedView } from '../../../pipeline/requests/job.ts';
import { recordOf } from '../../contracts/request-store.ts';
import { request } from '../../support/raw-http.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** Every client is too slow for these limits, but none stalls. */
const demanding: SlowClientLimits = { stallMs: 60_000, periodMs: 200, minBytesPerPeriod: 1e15 };
const content = Buffer.alloc(1 << 16);

async function listening(add: (server: FastifyInstance) => void): Promise<number> {
  const server = Fastify({ forceCloseConnections: true });
  server.decorateRequest('exportId', null);
  add(server);
  await server.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close());
  return server.addresses()[0]!.port;
}

/**
 * A client that receives a little every 2 ms: on a busy machine too it is slower than the server. Returns the bytes it
 * received when it was cut off.
 */
async function receiveSlowly(port: number, route: string): Promise<number> {
  const socket = net.connect({ host: '127.0.0.1', port });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  socket.write(request(`GET ${route}`).join('\r\n'));
  let bytes = 0;
  for await (const part of socket.iterator()) {
    bytes += (part as Buffer).length;
    await after(2);
  }
  return bytes;
}

test('a stream to a slow client is cut off', async () => {
  const warnings: unknown[] = [];
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const query = {
    write: async (sink: (bytes: Uint8Array) => Promise<void>) => {
      for (let piece = 0; piece < 2_000; piece += 1) await sink(content);
    },
    interrupt: () => undefined,
    close: async () => undefined,
  };
  const log = { warn: (facts: object) => void warnings.push(facts) } as never;
  const spool = { folder: folder.path, maxBytes: 1e12 };
  const streams = new ResponseStreams({ slowClients: { ...demanding, periodMs: 1 }, spool, atOnce: 1, log });
  const port = await listening(server => {
    server.get('/stream', (asked, reply) => streams.answer(asked, reply, async () => query));
  });
  const received = await receiveSlowly(port, '/stream');
  expect(received).toBeGreaterThan(0);
  expect(received).toBeLessThan(2_000 * content.length);
  expect(warnings).toMatchObject([
    { code: 'INTERRUPTED', reason: expect.stringContaining('the client received less than 1000000000000000 bytes') },
  ]);
});

async function hashOfZeros(bytes: number): Promise<string> {
  const hash = createHash('sha256');
  for (let hashed = 0; hashed < bytes; hashed += content.length) hash.update(content);
  return hash.digest('hex');
}

test('a download to a slow client is cut off', async () => {
  const folder = await temporaryFolder();
  const file = path.join(folder.path, 'x.csv');
  const bytes = 2 ** 27;
  await writeFile(file, '');
  // The file is sparse, so it takes no space on the disk.
  await truncate(file, bytes);
  const record = recordOf('one');
  const name = record.plan.names[0]!;
  const known = { name, packed_bytes: bytes, packed_sha256: await hashOfZeros(bytes) };
  const view = recordedView({ ...record, state: 'completed', manifest: { files: [known] } as never });
  const port = await listening(server =>
    addDownloadRoutes(server, {
      jobs: { find: async () => view },
      files: { openFile: () => open(file) },
      slowClients: demanding,
      clock: { now: Date.now },
    }),
  );
  const received = await receiveSlowly(port, `/exports/one/files/${name}`);
  expect(received).toBeGreaterThan(0);
  expect(received).toBeLessThan(bytes);
  await folder.remove();
});

test.each([
  ['receives a little less than the minimum is too slow', 4_999, 100, true],
  ['receives the minimum is not too slow', 5_000, 100, false],
  ['is never waited for is not too slow, however little is sent', 1, 0, false],
])('a client that %s', (_, bytes, waitedMs, isTooSlow) => {
  const rate = new ReceiveRate({ stallMs: 100, periodMs: 1_000, minBytesPerPeriod: 50_000 });
  const receive = () => {
    for (let i = 0; i < 10_000; i += 1) rate.add(bytes, waitedMs);
  };
  if (isTooSlow) expect(receive).toThrow('the client received less than 50000 bytes in 1000 ms');
  else expect(receive).not.toThrow();
});

test('the rate is measured over ten times the stall time, and is 4 kB/s', () => {
  expect(slowClientLimits(30_000)).toEqual({ stallMs: 30_000, periodMs: 300_000, minBytesPerPeriod: 1_200_000 });
});
