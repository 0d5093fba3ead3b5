import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { waitFor } from '../../ops/local-kafka/waiting.ts';
import type { Status } from '../../ops/service/status.ts';
import type { ChildEnd } from './child-program.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { startTidemark } from './tidemark.ts';

export interface Serving {
  /** A folder of its own; the database and all beside it lie there. */
  readonly folder: string;
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly group: string;
  /** Further flags. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A folder and a group of its own for a service, until the test has ended. */
export async function servingOf(
  cluster: { readonly brokers: readonly string[]; uniqueTopic(name: string): string },
  topic: string,
  ...flags: readonly string[]
): Promise<Serving> {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  return { folder: folder.path, brokers: cluster.brokers, topic, group: cluster.uniqueTopic('group'), flags };
}

export interface LogLine extends Readonly<Record<string, unknown>> {
  readonly level: string;
  readonly msg: string;
}

/** A running `tidemark run`; what is left of it is killed when the test has ended. */
export class Service {
  readonly db: string;
  readonly ended: Promise<ChildEnd>;
  readonly #process: ReturnType<typeof startTidemark>['child'];
  readonly #lines: LogLine[] = [];
  #rest = '';
  #hasEnded = false;

  constructor({ folder, brokers, topic, group, flags = [], env = {} }: Serving) {
    mkdirSync(folder, { recursive: true });
    this.db = path.join(folder, 'service.duckdb');
    const kafka = ['--kafka-brokers', brokers.join(','), '--kafka-topics', topic, '--kafka-group', group];
    const own = ['--db', this.db, '--http-port', '0', '--export-root', path.join(folder, 'exports'), '--threads', '1'];
    // Sessions as short as they may be: they are waited for.
    const started = startTidemark(
      ['run', ...kafka, ...own, '--kafka-session-timeout-ms', '6000', '--log-level', 'debug', ...flags],
      { env },
    );
    this.#process = started.child;
    this.#process.stdout.on('data', (text: string) => this.#read(text));
    this.ended = started.ended.finally(() => {
      this.#hasEnded = true;
    });
    onTestFinished(async () => {
      this.#process.kill('SIGKILL');
      await this.ended;
    });
  }

  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  /** The first line of its log that says this. */
  line(sentence: string | RegExp, timeoutMs?: number): Promise<LogLine> {
    const says = ({ msg }: LogLine) => (typeof sentence === 'string' ? msg === sentence : sentence.test(msg));
    return this.#until(`the log to say: ${sentence}`, async () => this.#lines.find(says) ?? null, timeoutMs);
  }

  async status(): Promise<Status> {
    return (await this.#ask('/status')).json() as Promise<Status>;
  }

  /** Whether it is ready, what it says to everyone of why not, and what to operators. */
  async readiness() {
    const { ready, reasons } = (await (await this.#ask('/readyz')).json()) as {
      readonly ready: boolean;
      readonly reasons: readonly string[];
    };
    return { ready, general: reasons, reasons: (await this.status()).not_ready ?? [] };
  }

  async metrics(): Promise<string> {
    return (await this.#ask('/metrics')).text();
  }

  /** Waits until its status is as wanted. */
  async reaches(what: string, isReached: (status: Status) => boolean, timeoutMs = 60_000): Promise<Status> {
    return this.#until(
      what,
      async () => {
        const status = await this.status();
        return isReached(status) ? status : null;
      },
      timeoutMs,
    );
  }

  /** Waits until all partitions are stored up to these offsets. */
  reachesOffsets(ends: readonly { readonly partition: number; readonly high: number }[], timeoutMs?: number) {
    const wanted = ends.map(({ partition, high }) => `${partition}: ${high}`).join(', ');
    return this.reaches(
      `offsets ${wanted}`,
      ({ partitions }) =>
        ends.every(({ partition, high }) => {
          const found = partitions.find(of => of.partition === partition);
          return high === 0 || found?.stored_offset === high;
        }),
      timeoutMs,
    );
  }

  /** SIGTERM, and how it ended. */
  stop(): Promise<ChildEnd> {
    this.#process.kill('SIGTERM');
    return this.ended;
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.ended;
  }

  freeze(): void {
    this.#process.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process.kill('SIGCONT');
  }

  async #ask(route: string): Promise<Response> {
    const { url } = await this.line('the service is up');
    return fetch(`${url}${route}`, { signal: AbortSignal.timeout(30_000) });
  }

  async #until<T>(what: string, ask: () => Promise<T | null>, timeoutMs?: number): Promise<T> {
    const asking = async (): Promise<T | null> => {
      const answer = await ask();
      if (answer === null && this.#hasEnded) throw new Error(`it ended before ${what}: ${(await this.ended).stderr}`);
      return answer;
    };
    return waitFor(what, asking, timeoutMs).catch((cause: Error) => {
      const last = this.#lines.slice(-20).map(line => JSON.stringify(line));
      throw new Error(`${cause.message}; it said last:\n${last.join('\n')}`, { cause });
    });
  }

  #read(text: string): void {
    const lines = `${this.#rest}${text}`.split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#lines.push(JSON.parse(line) as LogLine);
  }
}
