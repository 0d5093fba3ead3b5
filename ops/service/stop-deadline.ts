import { codeOf, TidemarkError } from '../../pipeline/errors.ts';
import { endProcess } from '../ending.ts';
import type { ServiceLog } from './log.ts';

/** How long the last lines may take to be written, in milliseconds: nobody may read them. */
const lastLinesMs = 500;
/** How long a process may go on after the service has ended, in milliseconds. */
const afterEndMs = 1_000;
const tooLateCode = 75;

/** Ends the process when stopping hangs. Nothing stored is lost by that, because transactions are made whole or not at all. */
export class StopDeadline {
  readonly #log: ServiceLog;
  readonly #milliseconds: number;
  #timer: NodeJS.Timeout | undefined;

  /** The stop may take so many milliseconds. */
  constructor(log: ServiceLog, milliseconds: number) {
    this.#log = log;
    this.#milliseconds = milliseconds;
  }

  /** The service begins to stop: because of an error, or (null) because it was told to. Only the first call counts. */
  begin(error: unknown): void {
    this.#timer ??= setTimeout(() => void this.#end(error), this.#milliseconds);
  }

  /**
   * The service has stopped. Whatever still keeps the process alive, such as a Kafka client that waits for a dead server, is
   * not waited for.
   */
  async stopped(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#log.output.flush(lastLinesMs);
    setTimeout(endProcess, afterEndMs).unref();
  }

  async #end(error: unknown): Promise<void> {
    const { log, output } = this.#log;
    if (error !== null) logFatal(error, log);
    const sentence = 'stopping took longer than stop_deadline_ms: the process ends now; nothing stored is lost';
    log.error({ code: 'INTERRUPTED', stop_deadline_ms: this.#milliseconds }, sentence);
    await output.flush(lastLinesMs);
    const failed = error instanceof TidemarkError ? error.exitCode : 70;
    endProcess(error === null ? tooLateCode : failed);
  }
}

/** Logs the error that ends the service, because nobody will print it any more. */
function logFatal(error: unknown, log: ServiceLog['log']): void {
  log.error({ code: codeOf(error) }, error instanceof Error ? error.message : String(error));
}
