import { getEventListeners } from 'node:events';
import { afterEach, expect, test, vi } from 'vitest';
import { BoundedQueue } from '../../../connectors/kafka/reading/bounded-queue.ts';
import { LogWatch } from '../../../ops/service/log-watch.ts';
import { orAborted } from '../../../pipeline/waiting.ts';
import { LogLines } from '../../support/kafka/reading.ts';
import { NotedSources } from '../../support/noted-sources.ts';
import { promisesAlive } from '../../support/promises-alive.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const turns = 2_000;
/** Promises that the test runner itself may make meanwhile. */
const othersAtMost = 200;

test('a log watch keeps no promises of its earlier requests', async () => {
  // Makes the requests follow each other without a pause.
  vi.stubGlobal('setTimeout', (end: () => void) => setImmediate(end));
  vi.stubGlobal('clearTimeout', (timer: NodeJS.Immediate) => clearImmediate(timer));
  const controller = new AbortController();
  let looks = 0;
  let before = 0;
  let after = 0;
  const look = async () => {
    looks += 1;
    if (looks === 100) before = promisesAlive();
    if (looks === 100 + turns) {
      after = promisesAlive();
      controller.abort();
    }
    return { ends: [], topics: new Map() };
  };
  const commit = async (): Promise<void> => undefined;
  const source = { look, commit, assigned: () => [], name: () => 'a log', problem: () => null };
  const { signal } = controller;
  await new LogWatch({
    source,
    warehouse: new NotedSources(),
    clock: { now: () => 0 },
    log: new LogLines(),
    signal,
  }).run();
  expect(after - before).toBeLessThan(othersAtMost);
  expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
});

test('waiting for a slow reader keeps no promises and no timers of the seconds before', async () => {
  vi.useFakeTimers();
  const queue = new BoundedQueue<number>(1);
  queue.add(1);
  const before = promisesAlive();
  for (let turn = 0; turn < turns; turn += 1) {
    const changed = queue.nextChange(1_000);
    vi.advanceTimersByTime(1_000);
    await changed;
  }
  expect(promisesAlive() - before).toBeLessThan(othersAtMost);
  const changed = queue.nextChange(1_000);
  expect(await queue.take()).toBe(1);
  await changed;
  expect(vi.getTimerCount()).toBe(0);
});

test('orAborted returns the result, throws the error, or returns undefined on abort, and removes its listener', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  expect(await orAborted(signal, Promise.resolve(7))).toBe(7);
  await expect(orAborted(signal, Promise.reject(new Error('no')))).rejects.toThrow('no');
  const never = orAborted(signal, new Promise<void>(() => undefined));
  controller.abort();
  expect(await never).toBeUndefined();
  expect(await orAborted(signal, new Promise<void>(() => undefined))).toBeUndefined();
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});
