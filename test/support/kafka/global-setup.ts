import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { anyBrowser } from '../browser.ts';
import { anyKafka, anyRegistry, type Layer, type Running } from './layers.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The URL at which test files request the servers that they share. */
    readonly serviceDesk: string;
  }
}

/** The answer of the desk: the running server, or the reason why there is none. */
export type DeskAnswer<T> = { readonly layer: Layer; readonly value: T } | { readonly refusal: string };

const startable = { kafka: anyKafka, registry: anyRegistry, browser: anyBrowser };

/**
 * Runs one Kafka, one registry and one browser for all test files of a run. Each is started, or looked for, at the first
 * request, so a run that needs none pays nothing. Test files run in processes of their own and send the requests by HTTP.
 */
export default async function setUpDesk(project: TestProject): Promise<() => Promise<void>> {
  const started = new Map<string, Promise<Running<unknown>>>();
  const server = createServer((request, response) => {
    const name = request.url?.slice(1) ?? '';
    const start = Object.hasOwn(startable, name) ? startable[name as keyof typeof startable] : null;
    if (start === null) return void response.writeHead(404).end();
    const service = started.get(name) ?? announced(name, start());
    started.set(name, service);
    void answer(service, response);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  project.provide('serviceDesk', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return async () => {
    server.closeAllConnections();
    server.close();
    const running = await Promise.allSettled(started.values());
    await Promise.all(running.map(result => (result.status === 'fulfilled' ? result.value.stop() : undefined)));
  };
}

async function announced(name: string, starting: Promise<Running<unknown>>): Promise<Running<unknown>> {
  const began = performance.now();
  const service = await starting;
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stdout.write(`${name} for these tests: ${service.layer}, ${String(service.value)}, ready in ${seconds} s\n`);
  return service;
}

async function answer(service: Promise<Running<unknown>>, response: ServerResponse): Promise<void> {
  const body: DeskAnswer<unknown> = await service.then(
    ({ layer, value }) => ({ layer, value }),
    (error: Error) => ({ refusal: error.message }),
  );
  response.end(JSON.stringify(body));
}
