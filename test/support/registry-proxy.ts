import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

export interface Proxying {
  /** Where the real registry is. */
  readonly url: string;
  /** A PEM file with key and certificate: then it is spoken to over TLS. */
  readonly store?: string;
  /** What it does instead of handing on, while it gives true. */
  readonly misbehave?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** Stands before a real registry, counts what it is asked, and may misbehave; ends with the test. */
export async function registryProxy({ url, store, misbehave = () => false }: Proxying) {
  const asked: string[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    asked.push(`${request.method} ${request.url}`);
    if (misbehave(request, response)) return;
    const content = await buffer(request);
    const body = request.method === 'POST' ? { body: new Uint8Array(content) } : {};
    const headers = { 'content-type': request.headers['content-type'] ?? 'application/json' };
    const real = await fetch(`${url}${request.url}`, { method: request.method ?? 'GET', headers, ...body });
    response.writeHead(real.status, { 'content-type': 'application/json' }).end(await real.text());
  };
  const listen = (request: IncomingMessage, response: ServerResponse) => void answer(request, response);
  const pem = store === undefined ? null : readFileSync(store);
  const server = pem === null ? createHttpServer(listen) : createHttpsServer({ key: pem, cert: pem }, listen);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { asked, url: `${pem === null ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
