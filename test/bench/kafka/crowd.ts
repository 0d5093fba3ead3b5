import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { median } from '../machine.ts';

const readers = 50;
const readersBytesPerSecond = 5_000;
const waiting = 20;
const runs = 7;

interface Crowded {
  readonly url: string;
  /** Exports the window that is measured, and gives the milliseconds until its files are there. */
  exportOnce(name: string): Promise<number>;
}

/** How long an export takes alone, and beside 50 slow readers of streams and 20 requests that wait for the log. */
export async function besideACrowd({ url, exportOnce }: Crowded): Promise<void> {
  const alone = [];
  for (let run = 0; run < runs; run += 1) alone.push(await exportOnce(`alone-${run}_`));
  const stop = new AbortController();
  const crowd = [
    ...Array.from({ length: readers }, () => readSlowly(url, stop.signal)),
    ...Array.from({ length: waiting }, (_, number) => waitForEver(url, number, stop.signal)),
  ];
  // The readers that get a place have it, and read.
  await pause(5_000);
  const beside = [];
  for (let run = 0; run < runs; run += 1) beside.push(await exportOnce(`beside-${run}_`));
  stop.abort();
  await Promise.allSettled(crowd);
  const [one, other] = [median(alone), median(beside)];
  console.log(` an export alone ${one.toFixed(0)} ms, beside ${readers} slow readers and ${waiting} waiting requests`);
  console.log(`  ${other.toFixed(0)} ms: ${(other / one).toFixed(2)} × (target 2)`);
}

/** Reads streams of all services at 5 kB/s; one that is refused asks again after a second. */
async function readSlowly(url: string, signal: AbortSignal): Promise<void> {
  const window = 'time_from=2000-01-01T00:00:00Z&time_to=2029-01-01T00:00:00Z&export_content=true';
  while (!signal.aborted) {
    await new Promise<void>(resolve => {
      const request = http.get(`${url}/genesys/1/cs/maintenance/services/stream?${window}`, { signal }, response => {
        response.on('close', resolve).on('error', () => resolve());
        if (response.statusCode !== 200) return void response.resume();
        response.on('readable', () => undefined);
        const timer = setInterval(() => response.read(readersBytesPerSecond / 2), 500);
        signal.addEventListener('abort', () => clearInterval(timer), { once: true });
      });
      request.on('error', () => resolve());
    });
    await pause(1_000, undefined, { signal }).catch(() => undefined);
  }
}

async function waitForEver(url: string, number: number, signal: AbortSignal): Promise<void> {
  const query = `time_from=2000-01-01T00:00:00Z&time_to=2199-01-01T00:00:00Z&wait=complete&file_prefix=wait-${number}_`;
  await fetch(`${url}/genesys/1/cs/maintenance/services/files?${query}`, { method: 'POST', signal }).catch(
    () => undefined,
  );
}
