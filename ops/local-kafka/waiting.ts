import { createServer } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';

/** Starting may take long on a busy machine with a log to recover; a server that ends is noticed at once. */
export const startTimeoutMs = 90_000;

/** Calls `ask` until it returns a value that is not null. After the deadline it throws an error with `what` in its message. */
export async function waitFor<T>(what: string, ask: () => Promise<T | null>, timeoutMs = 30_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms without success for ${what}`);
    await after(50);
  }
}

const ports = { first: 15_000, count: 15_000, perProcess: 64 };
let triedPorts = 0;

/**
 * A free port, never returned twice. Processes that look at the same time look in different ranges. All ranges lie below the
 * ports of outgoing connections: such a port could be taken while a server is down, even by a client that tries to reach
 * it and so connects to itself.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = ports.first + ((process.pid * ports.perProcess + triedPorts) % ports.count);
    triedPorts += 1;
    if (await isFree(port)) return port;
  }
}

export function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
