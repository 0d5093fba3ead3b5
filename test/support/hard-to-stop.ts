import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { openLogWriter } from '../../connectors/log-files/log/log-writer.ts';
import { freePort, waitFor } from '../../ops/local-kafka/waiting.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { startTidemark } from './tidemark.ts';

export interface StateOfService {
  /** Shell words after the command, such as `> /dev/full`. */
  readonly redirect?: string;
  readonly flags?: readonly string[];
  /** Further changes of the folder, before the service starts. */
  readonly prepare?: (folder: string) => Promise<unknown>;
}

/** A `tidemark run` in its own folder, in a state in which it may be hard to stop; killed with the test. */
export class HardToStop {
  readonly folder: string;
  readonly url: string;
  readonly ended: ReturnType<typeof startTidemark>['ended'];
  readonly #child: ReturnType<typeof startTidemark>['child'];

  private constructor(folder: string, port: number, { redirect = '', flags = [] }: StateOfService) {
    this.folder = folder;
    this.url = `http://127.0.0.1:${port}`;
    const args = ['run', '--db', 'x.duckdb', '--http-port', String(port), ...flags];
    const within = ['sh', '-c', `exec "$@" ${redirect}`, 'sh'];
    const { child, ended } = startTidemark(args, { cwd: folder, within });
    this.#child = child;
    this.ended = ended;
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await ended;
    });
  }

  /** Starts the service on a local log of one event, unless its flags name another source, and waits until it answers. */
  static async start(state: StateOfService): Promise<HardToStop> {
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    await append(path.join(folder.path, 'log'));
    await state.prepare?.(folder.path);
    const service = new HardToStop(folder.path, await freePort(), state);
    await waitFor('the service to answer', async () => (await service.get('/healthz').catch(() => null)) && true);
    return service;
  }

  async get(route: string): Promise<string> {
    return (await fetch(`${this.url}${route}`, { signal: AbortSignal.timeout(10_000) })).text();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves once a thread of the service waits in the opening of a named pipe. */
  async hangs(): Promise<void> {
    const tasks = `/proc/${this.#child.pid}/task`;
    await waitFor('a thread to hang', async () => {
      const waits = (await readdir(tasks)).map(task => readFile(`${tasks}/${task}/wchan`, 'utf8').catch(() => ''));
      return (await Promise.all(waits)).includes('wait_for_partner') ? true : null;
    });
  }

  /** Resolves once the first signal to stop was taken: then the system's default action is in force for both signals. */
  async isStopping(): Promise<void> {
    await waitFor('the signal to be taken', async () => {
      const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8');
      const caught = BigInt(`0x${/^SigCgt:\s*(\w+)$/m.exec(status)![1]}`);
      return (caught & interrupts) === 0n ? true : null;
    });
  }
}

/** The bits of SIGINT (2) and SIGTERM (15) in a mask of signals. */
const interrupts = (1n << 1n) | (1n << 14n);

/** Appends an event to the log in a folder. */
export async function append(root: string, topic = 'calls'): Promise<void> {
  const writer = await openLogWriter({ root, topic, partition: 0 });
  const value = Buffer.from('{"event":"service.started","service_id":"s","timestamp":"2014-06-01T00:00:00Z"}');
  await writer.append([{ timestamp: Date.now(), key: null, value }]);
  await writer.close();
}

/** A named pipe at a path. Whoever opens it to read waits for a writer, as for a disk that hangs. */
export function makePipe(file: string): Promise<unknown> {
  return promisify(execFile)('mkfifo', [file]);
}
