import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { ChildEnd } from './child-program.ts';

const COMMAND = path.resolve('dist/ops/tidemark.cjs');

export interface CommandSurroundings {
  /** Working directory; the place of `tidemark.yaml`. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Bytes of standard input; without them it is empty. */
  readonly input?: string | Uint8Array;
  /** Words put before the command, such as those of `mountNamespace`. */
  readonly within?: readonly string[];
}

/** The compiled `tidemark` command while it runs. */
export function startTidemark(args: readonly string[], surroundings: CommandSurroundings = {}) {
  if (!existsSync(COMMAND)) throw new Error(`${COMMAND} is missing: run "npm run build" before the tests`);
  const { cwd, env, within = [] } = surroundings;
  const [command = COMMAND, ...rest] = [...within, COMMAND, ...args];
  const child = spawn(command, rest, { cwd, env: { ...plainEnvironment(), ...env } });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', text => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    output.stderr += text;
  });
  // Whoever writes to a killed child's standard input learns of it by the child's end.
  child.stdin.on('error', () => undefined);
  const ended = new Promise<ChildEnd>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...output }));
  });
  return { child, ended };
}

/** Runs one command line to its end. */
export function tidemark(args: readonly string[], surroundings: CommandSurroundings = {}): Promise<ChildEnd> {
  const { child, ended } = startTidemark(args, surroundings);
  child.stdin.end(surroundings.input ?? '');
  return ended;
}

/** Runs one command line which must succeed, and gives what it wrote to standard output. */
export async function tidemarkDone(args: readonly string[], surroundings: CommandSurroundings = {}): Promise<string> {
  const { code, stdout, stderr } = await tidemark(args, surroundings);
  if (code !== 0) throw new Error(`tidemark ${args.join(' ')} ended with ${code}: ${stderr}`);
  return stdout;
}

/** Runs one command line, kills it with SIGKILL after so many milliseconds, and tells whether it was still running. */
export async function tidemarkKilled(
  args: readonly string[],
  afterMs: number,
  surroundings: CommandSurroundings = {},
): Promise<boolean> {
  const { child, ended } = startTidemark(args, surroundings);
  child.stdin.end(surroundings.input ?? '');
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
  const { code, signal, stderr } = await ended;
  clearTimeout(timer);
  if (signal !== 'SIGKILL' && code !== 0) throw new Error(`tidemark ${args.join(' ')} ended with ${code}: ${stderr}`);
  return signal === 'SIGKILL';
}

/** Ours without what would configure the command. */
function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TIDEMARK_')));
}
