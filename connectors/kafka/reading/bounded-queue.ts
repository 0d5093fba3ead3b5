/**
 * A queue from kafkajs's callbacks, which push batches, to the one reader that pulls them. It keeps the order. A failure
 * is thrown to the reader after everything that was added before it.
 */
export class BoundedQueue<T> {
  readonly #capacity: number;
  readonly #items: T[] = [];
  readonly #waiting = new Set<() => void>();
  #failure: unknown = null;
  #closed = false;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get hasSpace(): boolean {
    return this.#items.length < this.#capacity;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Adds an item, unless the queue is closed. The caller waits for `hasSpace` first; the queue does not enforce it. */
  add(item: T): void {
    if (this.#closed) return;
    this.#items.push(item);
    this.#notify();
  }

  /** Makes `take` throw the error once the queue is empty. Only the first error counts. */
  fail(error: unknown): void {
    if (this.#failure === null) this.#failure = error;
    this.#notify();
  }

  /** From now on `add` does nothing and `take` returns null. */
  close(): void {
    this.#closed = true;
    this.#notify();
  }

  /** Waits for the next item; null when the queue is closed. */
  async take(): Promise<T | null> {
    for (;;) {
      if (this.#closed) return null;
      const item = this.#items.shift();
      if (item !== undefined) {
        this.#notify();
        return item;
      }
      if (this.#failure !== null) throw this.#failure;
      await this.nextChange();
    }
  }

  /** Resolves at the next `add`, `take`, `fail` or `close`, or after `timeoutMs` without one. */
  nextChange(timeoutMs?: number): Promise<void> {
    return new Promise(resolve => {
      let timer: NodeJS.Timeout | undefined;
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      if (timeoutMs !== undefined) timer = setTimeout(done, timeoutMs);
      this.#waiting.add(done);
    });
  }

  #notify(): void {
    for (const done of [...this.#waiting]) done();
  }
}
