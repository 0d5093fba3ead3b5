import type { Log } from '../../pipeline/ports.ts';

const checkEveryMs = 1_000;
/** The event loop of a busy service may be late by some seconds, not by this much. */
const suspendedMs = 10_000;
/** How long afterwards connections may fail because nobody answered on them meanwhile. */
const quietMs = 30_000;

/**
 * A log that says when this process did not run for a while, as when it was stopped by a signal or frozen with its container.
 * What fails then is not the broker: for half a minute such failures are only for debugging.
 * The watch ends when the signal aborts.
 */
export function logSuspensions(log: Log, signal: AbortSignal): Log {
  let checkedAt = performance.now();
  let quietUntil = Number.NEGATIVE_INFINITY;
  const check = (): void => {
    const now = performance.now();
    const missed = now - checkedAt - checkEveryMs;
    checkedAt = now;
    if (missed < suspendedMs) return;
    quietUntil = now + quietMs;
    const sentence = 'this process did not run for a while: it was suspended, or the machine was too busy';
    log.warn({ code: 'INTERRUPTED', seconds: Math.round(missed / 1000) }, sentence);
  };
  const timer = setInterval(check, checkEveryMs).unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  const unlessQuiet =
    (level: 'warn' | 'error') =>
    (facts: Readonly<Record<string, unknown>>, sentence: string): void => {
      const isQuiet = facts.code === 'SOURCE_UNREACHABLE' && performance.now() < quietUntil;
      log[isQuiet ? 'debug' : level](facts, sentence);
    };
  return {
    debug: (facts, sentence) => log.debug(facts, sentence),
    info: (facts, sentence) => log.info(facts, sentence),
    warn: unlessQuiet('warn'),
    error: unlessQuiet('error'),
  };
}
