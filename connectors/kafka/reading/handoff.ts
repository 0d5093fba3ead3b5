/**
 * Passes items from whoever pushes them (a client's callbacks) to one reader who asks for them, a few at a time. What was
 * offered is taken in order; a failure is thrown to the reader after it, and closing lets everybody go.
 */
export class Handoff<T> {
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

  /** Adds an item. Whoever may wait asks `hasSpace` first; what cannot wait is taken all the same. */
  offer(item: T): void {
    if (this.#closed) return;
    this.#items.push(item);
    this.#wake();
  }

  /** Ends the reading with an error once what was offered before is taken; the first one counts. */
  fail(error: unknown): void {
    if (this.#failure === null) this.#failure = error;
    this.#wake();
  }

  /** Nothing more is taken; whoever waits goes on. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** The next item; null when closed. */
  async take(): Promise<T | null> {
    for (;;) {
      if (this.#closed) return null;
      const item = this.#items.shift();
      if (item !== undefined) {
        this.#wake();
        return item;
      }
      if (this.#failure !== null) throw this.#failure;
      await this.changed();
    }
  }

  /** Resolves at the next change of any sort, or after this long without one. */
  changed(milliseconds?: number): Promise<void> {
    return new Promise(resolve => {
      let timer: NodeJS.Timeout | undefined;
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      if (milliseconds !== undefined) timer = setTimeout(done, milliseconds);
      this.#waiting.add(done);
    });
  }

  #wake(): void {
    for (const done of [...this.#waiting]) done();
  }
}
