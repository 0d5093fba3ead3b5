/**
 * Waits for a promise until the signal aborts, and is then undefined. Unlike a race with one promise of the signal's end,
 * which would keep what was waited for as long as the signal lives, it leaves nothing behind.
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
