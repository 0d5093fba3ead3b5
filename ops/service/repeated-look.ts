import { isTemporary } from '../../pipeline/errors.ts';
import type { Log } from '../../pipeline/ports.ts';
import { orAborted, pause } from '../../pipeline/waiting.ts';

const lookEveryMs = 5_000;

interface RepeatedLookParts {
  /** Looks at the log once. Throws a temporary error while it does not answer. */
  readonly look: () => Promise<void>;
  /** Commits what is stored to the consumer group. */
  readonly commit: () => Promise<void>;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Looks at a log every few seconds, and then commits to the consumer group what is stored. */
export class RepeatedLook {
  readonly #parts: RepeatedLookParts;
  #problem: string | null = 'the end of the log is not known yet';
  #isCommitting = false;

  constructor(parts: RepeatedLookParts) {
    this.#parts = parts;
  }

  /** Why the last look failed; null when it did not. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Runs until the signal aborts. Throws failures that are not temporary, such as that of a recreated topic. */
  async run(): Promise<void> {
    const { signal } = this.#parts;
    while (!signal.aborted) {
      // A frozen broker answers late; stopping does not wait for it.
      await orAborted(signal, this.#look());
      await pause(lookEveryMs, signal);
    }
  }

  async #look(): Promise<void> {
    const { look, log, signal } = this.#parts;
    try {
      await look();
      this.#problem = null;
    } catch (error) {
      if (signal.aborted) return;
      if (!isTemporary(error)) throw error;
      if (this.#problem === null) log.warn({ code: error.code }, error.message);
      this.#problem = error.message;
      return;
    }
    this.#commit();
  }

  /** For lag tools only. Tidemark never reads it back, so a failure changes nothing and nothing waits for it. */
  #commit(): void {
    const { commit, log } = this.#parts;
    if (this.#isCommitting) return;
    this.#isCommitting = true;
    commit()
      .catch((error: Error) => log.debug({ error: error.message }, 'offsets could not be committed to the group'))
      .finally(() => {
        this.#isCommitting = false;
      });
  }
}
