import { isTemporary, TidemarkError } from '../../../pipeline/errors.ts';
import type { Log } from '../../../pipeline/ports.ts';
import { Backoff, orAborted, pause } from '../../../pipeline/waiting.ts';
import { kafkaFailure } from './failure.ts';

const firstPauseMs = 250;
const longestPauseMs = 5_000;

export interface ConnectionAttempts {
  /** Completes the sentence "could not …". */
  readonly what: string;
  readonly brokers: readonly string[];
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Called with the reason after each failed attempt. */
  readonly onProblem?: ((problem: string) => void) | undefined;
}

/**
 * Repeats an attempt until it succeeds, with growing pauses. Throws the failure when retrying cannot help, such as
 * `SOURCE_REFUSED`, and `INTERRUPTED` when the signal aborts. On abort it does not wait for the current attempt, because that
 * may take long to fail when no broker answers.
 */
export async function retryUntilConnected<T>(attempts: ConnectionAttempts, attempt: () => Promise<T>): Promise<T> {
  const { what, brokers, log, signal, onProblem } = attempts;
  for (const backoff = new Backoff(firstPauseMs, longestPauseMs); !signal.aborted; ) {
    const pauseMs = backoff.next();
    try {
      // Wrapped, because an attempt may succeed with undefined, which `orAborted` returns on abort.
      const succeeded = await orAborted(
        signal,
        attempt().then(value => ({ value })),
      );
      if (succeeded !== undefined) return succeeded.value;
    } catch (error) {
      if (signal.aborted) break;
      const failure = kafkaFailure(error, { what, brokers });
      if (!isTemporary(failure)) throw failure;
      log.warn({ code: failure.code, retry_in_ms: pauseMs }, failure.message);
      onProblem?.(failure.message);
    }
    await pause(pauseMs, signal);
  }
  throw new TidemarkError('INTERRUPTED', `interrupted before it could ${what}`);
}
