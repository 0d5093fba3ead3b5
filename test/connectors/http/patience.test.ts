import { open, truncate, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import { addDownloadDoor } from '../../../connectors/http/download-door.ts';
import { Pace, type Patience, patienceOf } from '../../../connectors/http/patience.ts';
import { Sendings } from '../../../connectors/http/sending.ts';
import { recordedView } from '../../../pipeline/requests/job.ts';
import { recordOf } from '../../contracts/request-store.ts';
import { request } from '../../support/raw-http.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** Nobody takes as much, so that everybody is a client that trickles; and nobody stalls. */
const demanding: Patience = { stallMs: 60_000, spanMs: 200, leastBytes: 1e15 };
const content = Buffer.alloc(1 << 16);

async function listening(add: (server: FastifyInstance) => void): Promise<number> {
  const server = Fastify({ forceCloseConnections: true });
  server.decorateRequest('exportId', null);
  add(server);
  await server.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close());
  return server.addresses()[0]!.port;
}

/** A client that always takes a little and never stops; resolves when it is cut off. */
async function trickle(port: number, route: string): Promise<number> {
  const socket = net.connect({ host: '127.0.0.1', port });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  socket.write(request(`GET ${route}`).join('\r\n'));
  let bytes = 0;
  for await (const part of socket.iterator()) {
    bytes += (part as Buffer).length;
    await new Promise(resolve => setImmediate(resolve));
  }
  return bytes;
}

test('a stream without an end to a client that trickles: it is cut off, and its turn is over', async () => {
  const told: unknown[] = [];
  let isOver = false;
  const endless = {
    write: async (sink: (bytes: Uint8Array) => Promise<void>) => {
      for (;;) await sink(content);
    },
    interrupt: () => undefined,
    close: async () => {
      isOver = true;
    },
  };
  const log = { warn: (facts: object) => void told.push(facts) } as never;
  const sendings = new Sendings({ patience: demanding, log });
  const port = await listening(server => {
    server.get('/stream', (_request, reply) => sendings.send(reply, endless));
  });
  expect(await trickle(port, '/stream')).toBeGreaterThan(0);
  expect(isOver).toBe(true);
  expect(told).toMatchObject([{ reason: expect.stringContaining('the client took less than 1000000000000000 bytes') }]);
});

test('a download to a client that trickles is cut off', async () => {
  const folder = await temporaryFolder();
  const file = path.join(folder.path, 'x.csv');
  const bytes = 1e12;
  await writeFile(file, '');
  // A file with nothing in it takes no room on the disk.
  await truncate(file, bytes);
  const record = recordOf('one');
  const name = record.plan.names[0]!;
  const known = { name, packed_bytes: bytes, packed_sha256: 'x' };
  const view = recordedView({ ...record, state: 'completed', manifest: { files: [known] } as never });
  const port = await listening(server =>
    addDownloadDoor(server, {
      jobs: { find: async () => view },
      files: { openFile: () => open(file) },
      patience: demanding,
    }),
  );
  const taken = await trickle(port, `/exports/one/files/${name}`);
  expect(taken).toBeGreaterThan(0);
  expect(taken).toBeLessThan(bytes);
  await folder.remove();
});

test.each([
  ['takes a little less than it must', 4_999, 100, true],
  ['takes as much as it must', 5_000, 100, false],
  ['is never waited for, however little there is', 1, 0, false],
])('a client that %s', (_, bytes, waitedMs, isTooSlow) => {
  const pace = new Pace({ stallMs: 100, spanMs: 1_000, leastBytes: 50_000 });
  const take = () => {
    for (let i = 0; i < 10_000; i += 1) pace.took(bytes, waitedMs);
  };
  if (isTooSlow) expect(take).toThrow('the client took less than 50000 bytes in 1000 ms');
  else expect(take).not.toThrow();
});

test('a client is looked at over ten stalls', () => {
  expect(patienceOf(30_000)).toEqual({ stallMs: 30_000, spanMs: 300_000, leastBytes: 1_200_000 });
});
