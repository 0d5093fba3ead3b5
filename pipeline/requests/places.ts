import { orAborted } from '../waiting.ts';

/** What can hold a place. */
interface Placed {
  /** Aborts when it wants no place any more. */
  readonly signal: AbortSignal;
}

/**
 * The places of jobs that run, at most `count` at a time. A job that gave its place away gets one again before all that
 * never had one.
 */
export class Places<J extends Placed> {
  readonly #count: number;
  readonly #onFree: () => void;
  readonly #taken = new Set<J>();
  #returning: { readonly job: J; readonly resolve: () => void }[] = [];

  /** `onFree` is called when a place becomes free that nobody has waited for. */
  constructor(count: number, onFree: () => void) {
    this.#count = count;
    this.#onFree = onFree;
  }

  get taken(): number {
    return this.#taken.size;
  }

  get hasFree(): boolean {
    return this.#taken.size < this.#count;
  }

  take(job: J): void {
    this.#taken.add(job);
  }

  /** Gives a place away; does nothing for a job that holds none. */
  leave(job: J): void {
    if (!this.#taken.delete(job)) return;
    const next = this.#returning.shift();
    if (next === undefined) this.#onFree();
    else {
      this.#taken.add(next.job);
      next.resolve();
    }
  }

  /** Resolves when the job has a place again. Throws the reason of its signal when that aborts before. */
  async takeAgain(job: J): Promise<void> {
    if (this.hasFree) return this.take(job);
    await orAborted(job.signal, new Promise<void>(resolve => this.#returning.push({ job, resolve })));
    this.#returning = this.#returning.filter(returning => returning.job !== job);
    job.signal.throwIfAborted();
  }
}
