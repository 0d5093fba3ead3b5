/** Places where an export waits until an operation lets it go on. Nothing in a simulation goes on by itself. */
export class Gates {
  readonly #waiting = new Map<string, (() => void)[]>();

  /** Resolves at `open`, or when the signal aborts. */
  pass(name: string, signal?: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      if (signal?.aborted === true) return resolve();
      signal?.addEventListener('abort', () => resolve(), { once: true });
      this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), resolve]);
    });
  }

  open(name: string): void {
    const waiting = this.#waiting.get(name) ?? [];
    this.#waiting.delete(name);
    for (const resolve of waiting) resolve();
  }

  openAll(): void {
    for (const name of [...this.#waiting.keys()]) this.open(name);
  }
}
