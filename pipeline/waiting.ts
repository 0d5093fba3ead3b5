/** Resolves after `milliseconds`, or as soon as the signal aborts; never rejects. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end, { once: true });
  });
}

/** Waits at most `milliseconds` for a promise, then returns `'late'`. A rejection after that is ignored. */
export async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T | 'late'> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<'late'>(resolve => {
    timer = setTimeout(resolve, milliseconds, 'late');
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Waits for a promise until the signal aborts, and then returns undefined. It removes its listener, so that a signal that
 * lives as long as the service does not keep every promise that was ever waited for.
 */
export async function orAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T | undefined> {
  let stop: (() => void) | undefined;
  const aborted = new Promise<undefined>(resolve => {
    stop = () => resolve(undefined);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (stop !== undefined) signal.removeEventListener('abort', stop);
  }
}

/** Doubles the pause before each further try, up to a longest pause. */
export class Backoff {
  readonly #firstMs: number;
  readonly #longestMs: number;
  #nextMs: number;

  constructor(firstMs: number, longestMs: number) {
    this.#firstMs = firstMs;
    this.#longestMs = longestMs;
    this.#nextMs = firstMs;
  }

  /** The pause before the next try, in milliseconds. */
  next(): number {
    const milliseconds = this.#nextMs;
    this.#nextMs = Math.min(milliseconds * 2, this.#longestMs);
    return milliseconds;
  }

  /** After a success the next failure starts again with the first pause. */
  reset(): void {
    this.#nextMs = this.#firstMs;
  }
}
