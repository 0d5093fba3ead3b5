import type { LocalExportDirectory } from '../../connectors/export-directory/local-export-directory.ts';
import { codeOf } from '../../pipeline/errors.ts';
import type { Log } from '../../pipeline/ports.ts';
import { orAborted, pause, within } from '../../pipeline/waiting.ts';

const checkEveryMs = 5_000;
/** A disk of another machine that is away may never answer. */
const answerMs = 10_000;

interface RootWatchParts {
  readonly directory: Pick<LocalExportDirectory, 'check'>;
  /** Called when the export root is back, or was away for a moment: removes what exports that failed meanwhile left there. */
  readonly onBack: () => Promise<void>;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Looks every five seconds whether the export root is there and can be written. It only reports: the service goes on reading. */
export class RootWatch {
  readonly #parts: RootWatchParts;
  #problem: string | null = null;
  /** The check that runs now. A disk that hangs keeps one thread, and no more of them. */
  #checking: Promise<unknown> | null = null;

  constructor(parts: RootWatchParts) {
    this.#parts = parts;
  }

  /** Why nothing can be exported; null while exports can be written. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Runs until the signal aborts. Never throws. */
  async run(): Promise<void> {
    const { signal } = this.#parts;
    while (!signal.aborted) {
      this.#checking ??= this.#check().finally(() => {
        this.#checking = null;
      });
      const answered = await orAborted(signal, within(answerMs, this.#checking));
      if (answered === 'late')
        this.#report('EXPORT_ROOT_GONE', `the disk of the export root has not answered for ${answerMs / 1_000} s`);
      await pause(checkEveryMs, signal);
    }
  }

  async #check(): Promise<void> {
    const { directory, onBack, log } = this.#parts;
    try {
      const { wasGone } = await directory.check();
      if (this.#problem !== null) log.info({}, 'the export root can be written again');
      this.#problem = null;
      if (wasGone) await onBack();
    } catch (error) {
      this.#report(codeOf(error), error instanceof Error ? error.message : String(error));
    }
  }

  #report(code: string, problem: string): void {
    if (this.#problem !== problem) this.#parts.log.error({ code }, problem);
    this.#problem = problem;
  }
}
