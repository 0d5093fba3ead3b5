import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

interface JavaLaunch {
  readonly java: string;
  readonly args: readonly string[];
  /** The working folder. */
  readonly dir: string;
  /** The file to which its output is appended. */
  readonly log: string;
  /** True when the program should keep running after this process has ended. */
  readonly detached?: boolean;
}

const running = new Set<ChildProcess>();

/** Kills the child when this process exits, also where `killedWithParent` does not work. */
function killAtExit(child: ChildProcess): void {
  if (running.size === 0) process.once('exit', killRunning);
  running.add(child);
  const forget = (): void => {
    running.delete(child);
    if (running.size === 0) process.off('exit', killRunning);
  };
  child.once('exit', forget).once('error', forget);
}

function killRunning(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** A Java program in the background. Unless detached it ends with this process, on Linux also when this process is killed. */
export class JavaProcess {
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly #ended: Promise<void>;

  constructor({ java, args, dir, log, detached = false }: JavaLaunch) {
    const output = openSync(log, 'a');
    const [command = java, ...rest] = detached ? [java, ...args] : [...killedWithParent(), java, ...args];
    const child = spawn(command, rest, { cwd: dir, detached, stdio: ['ignore', output, output] });
    closeSync(output);
    this.#child = child;
    this.#log = log;
    this.#ended = new Promise(resolve => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    if (detached) child.unref();
    else killAtExit(child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Sends the signal, kills the program if it still runs after ten seconds, and resolves when it has ended. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.hasEnded) return;
    this.#child.kill(signal);
    const deadline = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await this.#ended;
    clearTimeout(deadline);
  }

  /** The end of its output, for error messages. */
  async lastOutput(): Promise<string> {
    const text = await readFile(this.#log, 'utf8').catch(() => '');
    return text.split('\n').slice(-20).join('\n');
  }
}

let pdeathsig: readonly string[] | undefined;

/** The words to put before a command so that Linux kills it when this process dies; none where `setpriv` is missing. */
function killedWithParent(): readonly string[] {
  const words = ['setpriv', '--pdeathsig', 'KILL'];
  pdeathsig ??= spawnSync(words[0]!, [...words.slice(1), 'true']).status === 0 ? words : [];
  return pdeathsig;
}
