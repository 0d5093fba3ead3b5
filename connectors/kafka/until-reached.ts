import { setTimeout as pause } from 'node:timers/promises';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { Log } from '../../pipeline/ports.ts';
import { kafkaFailure } from './failure.ts';

const firstPauseMs = 250;
const longestPauseMs = 5_000;

export interface Reaching {
  /** Reads on from "could not". */
  readonly what: string;
  readonly brokers: readonly string[];
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Tries until it succeeds; gives up only when the answer is no, or the signal aborts (`INTERRUPTED`). */
export async function untilReached<T>({ what, brokers, log, signal }: Reaching, attempt: () => Promise<T>): Promise<T> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      return await attempt();
    } catch (error) {
      const failure = kafkaFailure(error, what, brokers);
      if (!failure.retry) throw failure;
      if (signal.aborted) break;
      log.warn({ code: failure.code, retry_in_ms: pauseMs }, failure.message);
    }
    await pause(pauseMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) break;
  }
  throw new TidemarkError('INTERRUPTED', `interrupted before it could ${what}`);
}
