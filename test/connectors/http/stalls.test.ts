import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ExportReport } from '../../../connectors/http/export-report.ts';
import { request } from '../../support/raw-http.ts';
import { type Served, serve } from '../../support/serving.ts';

const services = '/genesys/1/cs/maintenance/services';
const window = 'time_from=2020-01-01T00:00:00Z&time_to=2021-01-01T00:00:00Z';
const everything = `${services}/stream?${window}&export_content=true`;
const stallMs = 1_000;
const endings: (() => Promise<void>)[] = [];
let served: Served;

/** More than the buffers between two processes hold. */
beforeAll(async () => {
  const text = 'x'.repeat(200_000);
  const lines = Array.from({ length: 100 }, (_, index) =>
    JSON.stringify({
      event: 'service.started',
      service_id: `s-${index}`,
      timestamp: '2020-06-01T00:00:00Z',
      extensions: { text },
    }),
  );
  served = await serve({ lines, settings: { http_stall_ms: stallMs } }, end => endings.push(end));
});
afterAll(async () => {
  for (const end of endings) await end();
});

/** Asks, and has got the first bytes; more are taken only by who reads on. */
async function ask(route: string): Promise<net.Socket> {
  const socket = net.connect({ host: '127.0.0.1', port: Number(new URL(served.url).port) });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(request(`GET ${route}`).join('\r\n'));
  await once(socket, 'readable');
  return socket;
}

const hashOf = async (parts: AsyncIterable<Uint8Array>) => {
  const hash = createHash('sha256');
  for await (const part of parts) hash.update(part);
  return hash.digest('hex');
};
const streamed = async () => hashOf((await fetch(`${served.url}${everything}`)).body!);
const cuts = () => served.log().split('"cut":true').length - 1;

test('clients that stall are cut off, and whoever waited for their turn is served', async () => {
  const whole = await streamed();
  const stalled = [await ask(everything), await ask(everything)];
  expect(await streamed()).toBe(whole);
  await served.logged(/("cut":true[\s\S]*){2}/);
  await served.logged(`the client took nothing in ${stallMs} ms`);
  for (const socket of stalled) socket.destroy();
});

test('clients that go away end their query', async () => {
  const before = cuts();
  for (let i = 1; i <= 4; i += 1) {
    (await ask(everything)).destroy();
    await served.logged(new RegExp(`("cut":true[\\s\\S]*){${before + i}}`));
  }
});

test('a client that takes little at a time gets all of it', async () => {
  const slow = await ask(everything);
  let bytes = 0;
  for await (const part of slow.iterator()) {
    bytes += (part as Buffer).length;
    await new Promise(resolve => setImmediate(resolve));
  }
  expect(bytes).toBeGreaterThan(20_000_000);
});

test('a download that stalls is cut off too', async () => {
  const query = `${window}&file_prefix=big_&format=json`;
  const made = await fetch(`${served.url}${services}/files?${query}`, { method: 'POST' });
  const report = (await (await fetch(new URL(made.headers.get('location')!, served.url))).json()) as ExportReport;
  const [file] = report.files;
  const before = cuts();
  const stalled = await ask(file!.href);
  await served.logged(new RegExp(`("cut":true[\\s\\S]*){${before + 1}}`));
  stalled.destroy();
  const answer = await fetch(new URL(file!.href, served.url));
  expect(await hashOf(answer.body!)).toBe(file!.packed_sha256);
});

test('a service that is to stop does not wait for who stalls', async () => {
  const stalled = await ask(everything);
  const { code } = await served.stop();
  expect(code).toBe(0);
  stalled.destroy();
});
