import { onTestFinished } from 'vitest';
import { startTidemark } from './tidemark.ts';

/** A line of the service's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

/** `tidemark run` in a process of its own, and what it logs. Killed with the test, if it still runs then. */
export class RunningService {
  readonly lines: LogLine[] = [];
  readonly #started: ReturnType<typeof startTidemark>;
  #rest = '';
  #hasEnded = false;
  #waiting: (() => void)[] = [];

  constructor(args: readonly string[]) {
    this.#started = startTidemark(['run', '--http-port', '0', ...args]);
    this.#started.child.stdin.end();
    this.#started.child.stdout.on('data', (text: string) => this.#take(text));
    void this.#started.ended.then(() => {
      this.#hasEnded = true;
      this.#wake();
    });
    onTestFinished(() => void this.#started.child.kill('SIGKILL'));
  }

  /** The first line that is as wanted. Throws when the service ends before. */
  async line(wanted: (line: LogLine) => boolean): Promise<LogLine> {
    for (;;) {
      const found = this.lines.find(wanted);
      if (found !== undefined) return found;
      if (this.#hasEnded) throw new Error(`the service ended: ${(await this.#started.ended).stderr}`);
      await this.changed();
    }
  }

  /** Resolves at the next line, or at the end. */
  changed(): Promise<void> {
    return new Promise(resolve => this.#waiting.push(resolve));
  }

  /** Where its HTTP door is. */
  async url(): Promise<string> {
    return String((await this.line(({ msg }) => msg === 'the service is up')).url);
  }

  /** Ends it as an operator would, and tells how it ended. */
  async stop() {
    this.#started.child.kill('SIGTERM');
    return this.#started.ended;
  }

  async kill(): Promise<void> {
    this.#started.child.kill('SIGKILL');
    await this.#started.ended;
  }

  get ended() {
    return this.#started.ended;
  }

  #take(text: string): void {
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop() ?? '';
    for (const part of parts) this.lines.push(JSON.parse(part) as LogLine);
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
