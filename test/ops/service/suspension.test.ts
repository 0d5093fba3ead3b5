import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { logSuspensions } from '../../../ops/service/suspension.ts';
import { LogLines } from '../../support/kafka/reading.ts';

let now: number;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
  now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
});

/** The clock goes on, and the timer is served once. */
function pass(milliseconds: number): void {
  now += milliseconds;
  vi.advanceTimersByTime(1_000);
}

test('a process that was suspended says so, and for half a minute nothing of a broker that does not answer', () => {
  const lines = new LogLines();
  const log = logSuspensions(lines, new AbortController().signal);
  const away = (): void => log.warn({ code: 'SOURCE_UNREACHABLE' }, 'a broker does not answer');
  pass(1_000);
  pass(10_900);
  away();
  pass(41_000);
  away();
  log.error({ code: 'SOURCE_UNREACHABLE' }, 'statuses cannot be sent');
  log.warn({ code: 'TOPIC_UNFIT' }, 'a topic is compacted');
  now += 30_000;
  away();
  expect(lines.lines.map(({ level, sentence }) => `${level}: ${sentence}`)).toEqual([
    'warn: a broker does not answer',
    'warn: this process did not run for a while: it was suspended, or the machine was too busy',
    'debug: a broker does not answer',
    'debug: statuses cannot be sent',
    'warn: a topic is compacted',
    'warn: a broker does not answer',
  ]);
  expect(lines.lines[1]?.facts).toEqual({ code: 'INTERRUPTED', seconds: 40 });
});
