import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pipInstall } from '../../../ops/local-kafka/java.ts';
import { fetchOnce } from '../../../ops/local-kafka/tools.ts';

/** What a program says of its run. */
export interface Measured {
  readonly records: number;
  readonly seconds: number;
  readonly cpu_seconds: number;
}

const here = path.dirname(fileURLToPath(import.meta.url));
export const projectRoot = path.resolve(here, here.includes(`${path.sep}dist${path.sep}`) ? '../../../..' : '../../..');

/** The folder of the Python packages that producers and the script beside us need; fetched once. */
export function installedPeers(): Promise<string> {
  const packages = ['confluent-kafka==2.16.1', 'fastavro==1.12.1', 'pyarrow==22.0.0', 'duckdb==1.4.2'];
  return fetchOnce('bench-peers', target => pipInstall(packages, target));
}

/** Runs a program to its end and reads the JSON that it prints last. */
export async function measure(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Measured> {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) lines.push(line);
  const last = lines.findLast(line => line.startsWith('{'));
  if (last === undefined) throw new Error(`${command} ${args.join(' ')} measured nothing`);
  return JSON.parse(last) as Measured;
}

/** A line of the service's log. */
export interface ServiceLine {
  readonly time: string;
  readonly msg: string;
  readonly url?: string;
  readonly partition?: number;
  readonly from?: number;
  readonly next?: number;
  readonly records?: number;
  readonly ms?: number;
  readonly waited_ms?: number;
}

/** `tidemark run` as a user starts it, and what it logs. */
export class ServiceUnderTest {
  readonly lines: ServiceLine[] = [];
  readonly #child: ChildProcess;
  #waiting: (() => void)[] = [];
  #ended = false;

  constructor(settings: Readonly<Record<string, string>>) {
    const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name.replaceAll('_', '-')}`, value]);
    const program = path.join(projectRoot, 'dist/ops/tidemark.cjs');
    this.#child = spawn(program, ['run', '--http-port', '0', '--log-level', 'debug', ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface({ input: this.#child.stdout! }).on('line', line => {
      this.lines.push(JSON.parse(line) as ServiceLine);
      this.#wake();
    });
    this.#child.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** Waits until the log makes it true. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.#ended) throw new Error(`the service ended: ${JSON.stringify(this.lines.at(-1))}`);
      await new Promise<void>(resolve => this.#waiting.push(resolve));
    }
  }

  get stored(): number {
    return this.lines.reduce((sum, { msg, records = 0 }) => (msg === 'batch stored' ? sum + records : sum), 0);
  }

  timeOf(sentence: string): number {
    return Date.parse(this.lines.find(({ msg }) => msg === sentence)?.time ?? '');
  }

  /** CPU seconds so far, and resident memory, now and at its highest. */
  usage(): { readonly cpuSeconds: number; readonly peakMb: number; readonly nowMb: number } {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    const ticks = Number(stat[11]) + Number(stat[12]);
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    const megabytes = (name: string): number =>
      Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1000);
    return { cpuSeconds: ticks / 100, peakMb: megabytes('VmHWM'), nowMb: megabytes('VmRSS') };
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    while (!this.#ended) await new Promise<void>(resolve => this.#waiting.push(resolve));
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
