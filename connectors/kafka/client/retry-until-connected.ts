import { isPassing, TidemarkError } from '../../../pipeline/errors.ts';
import type { Log } from '../../../pipeline/ports.ts';
import { Backoff, pause } from '../../../pipeline/waiting.ts';
import { kafkaFailure } from './failure.ts';

const firstPauseMs = 250;
const longestPauseMs = 5_000;

export interface ConnectionAttempts {
  /** Reads on from "could not". */
  readonly what: string;
  readonly brokers: readonly string[];
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Told why it is not reached. */
  readonly onProblem?: ((problem: string) => void) | undefined;
}

/** Tries until it succeeds; gives up when the answer is no, at what no waiting mends, or when the signal aborts (`INTERRUPTED`). */
export async function retryUntilConnected<T>(attempts: ConnectionAttempts, attempt: () => Promise<T>): Promise<T> {
  const { what, brokers, log, signal, onProblem } = attempts;
  // The signal lives as long as the service: nothing of ours may stay on it.
  const over = new AbortController();
  const interrupted = interruption(attempts, over.signal);
  try {
    for (const backoff = new Backoff(firstPauseMs, longestPauseMs); ; ) {
      const pauseMs = backoff.next();
      try {
        return await Promise.race([attempt(), interrupted]);
      } catch (error) {
        if (signal.aborted) await interrupted;
        const failure = kafkaFailure(error, { what, brokers });
        if (!isPassing(failure)) throw failure;
        log.warn({ code: failure.code, retry_in_ms: pauseMs }, failure.message);
        onProblem?.(failure.message);
      }
      await pause(pauseMs, signal);
      if (signal.aborted) await interrupted;
    }
  } finally {
    over.abort();
  }
}

/** Rejects when the signal aborts: an attempt may take long to find out that nobody answers. */
function interruption({ what, signal }: ConnectionAttempts, over: AbortSignal): Promise<never> {
  const interrupted = new Promise<never>((_, reject) => {
    const interrupt = (): void => reject(new TidemarkError('INTERRUPTED', `interrupted before it could ${what}`));
    if (signal.aborted) interrupt();
    else signal.addEventListener('abort', interrupt, { once: true, signal: over });
  });
  interrupted.catch(() => undefined);
  return interrupted;
}
