import { vi } from 'vitest';
import { main } from '../../ops/cli.ts';
import type { ChildEnd } from './child-program.ts';
import type { CommandSurroundings } from './tidemark.ts';

/** Where a command leaves listeners. */
const listened: readonly (readonly [NodeJS.EventEmitter, string])[] = [
  [process, 'SIGINT'],
  [process, 'SIGTERM'],
  [process.stdout, 'error'],
  [process.stderr, 'error'],
];

type Surroundings = Pick<CommandSurroundings, 'cwd' | 'env'>;

let last: Promise<unknown> = Promise.resolve();

/**
 * Runs one command line in this process, with the code that the launcher would run in one of its own, and returns how it
 * ended. It takes a tenth of the time of a process. Commands run one after another, because they share working directory,
 * output and exit code. For commands that read standard input, are killed, or go on running: `startTidemark`.
 */
export function tidemarkHere(args: readonly string[], surroundings: Surroundings = {}): Promise<ChildEnd> {
  const ended = last.then(() => run(args, surroundings));
  last = ended.catch(() => undefined);
  return ended;
}

/** Runs one command line which must succeed, and returns what it wrote to standard output. */
export async function tidemarkDoneHere(args: readonly string[], surroundings: Surroundings = {}): Promise<string> {
  const { code, stdout, stderr } = await tidemarkHere(args, surroundings);
  if (code !== 0) throw new Error(`tidemark ${args.join(' ')} ended with ${code}: ${stderr}`);
  return stdout;
}

async function run(args: readonly string[], { cwd = '.', env = {} }: Surroundings): Promise<ChildEnd> {
  const before = { cwd: process.cwd(), exitCode: process.exitCode };
  const listeners = listened.map(([emitter, event]) => new Set(emitter.listeners(event)));
  const output = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map(name =>
    vi.spyOn(process[name], 'write').mockImplementation(text => {
      output[name] += String(text);
      return true;
    }),
  );
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  process.chdir(cwd);
  process.exitCode = undefined;
  try {
    await main(['node', 'tidemark', ...args]);
    return { code: Number(process.exitCode ?? 0), signal: null, ...output };
  } finally {
    process.chdir(before.cwd);
    process.exitCode = before.exitCode;
    vi.unstubAllEnvs();
    for (const spy of spies) spy.mockRestore();
    for (const [at, [emitter, event]] of listened.entries())
      for (const listener of emitter.listeners(event))
        if (!listeners[at]!.has(listener)) emitter.removeListener(event, listener as () => void);
  }
}
