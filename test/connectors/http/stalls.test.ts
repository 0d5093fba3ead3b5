import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ExportReport } from '../../../connectors/http/export-report.ts';
import { waitFor } from '../../../ops/local-kafka/waiting.ts';
import { request } from '../../support/raw-http.ts';
import { type Served, serve } from '../../support/serving.ts';

const services = '/genesys/1/cs/maintenance/services';
const window = 'time_from=2020-01-01T00:00:00Z&time_to=2021-01-01T00:00:00Z';
const everything = `${services}/stream?${window}&export_content=true`;
const stallMs = 1_000;
const endings: (() => Promise<void>)[] = [];
let served: Served;

/** The services are 20 MB, more than the buffers between two processes hold. */
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

/** Sends a request and waits for the first bytes. No more are received until the socket is read. */
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

test('clients that stall are cut off, and a client that waited for a snapshot is served', async () => {
  const whole = await streamed();
  const stalled = [await ask(everything), await ask(everything)];
  expect(await streamed()).toBe(whole);
  await served.logged(/("cut":true[\s\S]*){2}/);
  await served.logged(`the client received nothing for ${stallMs} ms`);
  for (const socket of stalled) socket.destroy();
});

test('when a client disconnects, its query ends', async () => {
  const before = cuts();
  for (let i = 1; i <= 4; i += 1) {
    (await ask(everything)).destroy();
    await served.logged(new RegExp(`("cut":true[\\s\\S]*){${before + i}}`));
  }
});

test('a client that receives a little at a time gets everything', async () => {
  const slow = await ask(everything);
  let bytes = 0;
  for await (const part of slow.iterator()) {
    bytes += (part as Buffer).length;
    await new Promise(resolve => setImmediate(resolve));
  }
  expect(bytes).toBeGreaterThan(20_000_000);
});

test('a download to a client that stalls is cut off', async () => {
  const [file] = (await exported('file_prefix=big_&format=json')).files;
  const before = cuts();
  const stalled = await ask(file!.href);
  await served.logged(new RegExp(`("cut":true[\\s\\S]*){${before + 1}}`));
  stalled.destroy();
  const answer = await fetch(new URL(file!.href, served.url));
  expect(await hashOf(answer.body!)).toBe(file!.packed_sha256);
});

/** Memory of the service process now, in bytes. */
const residentBytes = () =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${served.note.pid}/status`, 'utf8'))?.[1]) * 1024;

/** The exported files that the service has open. */
const openExports = () => {
  const folder = `/proc/${served.note.pid}/fd`;
  const targets = readdirSync(folder).map(fd => {
    try {
      return readlinkSync(path.join(folder, fd));
    } catch {
      return '';
    }
  });
  return targets.filter(target => target.startsWith(served.root));
};

const exported = async (query: string): Promise<ExportReport> => {
  const made = await fetch(`${served.url}${services}/files?${window}&${query}`, { method: 'POST' });
  return (await (await fetch(new URL(made.headers.get('location')!, served.url))).json()) as ExportReport;
};

test('while many clients stall, others are answered and memory is bounded; then all are cut off and no file stays open', async () => {
  const [file] = (await exported('file_prefix=crowd_&format=json')).files;
  const before = { cuts: cuts(), bytes: residentBytes() };
  const stalled = await Promise.all(Array.from({ length: 30 }, () => ask(file!.href)));
  const slow = await ask(file!.href);
  let [received, highest] = [0, 0];
  for await (const part of slow.iterator()) {
    received += (part as Buffer).length;
    highest = Math.max(highest, residentBytes());
    expect((await fetch(`${served.url}/healthz`)).status).toBe(200);
  }
  expect(received, 'a slow client gets everything').toBeGreaterThan(file!.packed_bytes);
  // The thirty clients have requested 600 MB.
  expect(highest - before.bytes).toBeLessThan(150_000_000);
  stalled.push(await ask(everything));
  expect((await exported('file_prefix=beside_&format=json&filter_state=inactive')).state).toBe('completed');
  const wanted = before.cuts + stalled.length;
  await waitFor('all stalled clients to be cut off', async () => (cuts() >= wanted ? true : null));
  for (const socket of stalled) socket.destroy();
  await waitFor('all exported files to be closed', async () => (openExports().length === 0 ? true : null));
});

test('when a client disconnects during a download, the file is closed', async () => {
  const [file] = (await exported('file_prefix=gone_&format=json')).files;
  const reading = await ask(file!.href);
  expect(openExports()).toHaveLength(1);
  reading.destroy();
  await waitFor('all exported files to be closed', async () => (openExports().length === 0 ? true : null));
});

test('a stopping service does not wait for a client that stalls', async () => {
  const stalled = await ask(everything);
  const { code } = await served.stop();
  expect(code).toBe(0);
  stalled.destroy();
});
