import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

interface JavaLaunch {
  readonly java: string;
  readonly args: readonly string[];
  /** Working folder. */
  readonly dir: string;
  /** File that what it writes is appended to. */
  readonly log: string;
  /** True: it outlives us. */
  readonly detached?: boolean;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A Java program in the background; unless detached it ends with us, even when we are killed (on Linux). */
export class JavaProcess {
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly #ended: Promise<void>;

  constructor({ java, args, dir, log, detached = false }: JavaLaunch) {
    const output = openSync(log, 'a');
    const [command = java, ...rest] = detached ? [java, ...args] : [...dyingWithUs(), java, ...args];
    const child = spawn(command, rest, { cwd: dir, detached, stdio: ['ignore', output, output] });
    closeSync(output);
    this.#child = child;
    this.#log = log;
    this.#ended = new Promise(resolve => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    if (detached) child.unref();
    else {
      running.add(child);
      void this.#ended.then(() => running.delete(child));
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Resolves when it is gone; one that does not heed SIGTERM is killed. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.hasEnded) return;
    this.#child.kill(signal);
    const patience = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await this.#ended;
    clearTimeout(patience);
  }

  /** The end of what it wrote, for the error of whoever waits in vain. */
  async lastWords(): Promise<string> {
    const text = await readFile(this.#log, 'utf8').catch(() => '');
    return text.split('\n').slice(-20).join('\n');
  }
}

let pdeathsig: readonly string[] | undefined;

/** Words put before a command so that the system kills it when we die; none where the machine does not know them. */
function dyingWithUs(): readonly string[] {
  const words = ['setpriv', '--pdeathsig', 'KILL'];
  pdeathsig ??= spawnSync(words[0]!, [...words.slice(1), 'true']).status === 0 ? words : [];
  return pdeathsig;
}
