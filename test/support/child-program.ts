import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

const COMPILED = path.resolve('dist/test/support');

export interface ChildRun {
  /** Program in `test/support`, without folder and ending; it must be compiled, as Node 20 runs no TypeScript. */
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Words put before `node`, such as those of `mountNamespace`. */
  readonly within?: readonly string[];
}

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a compiled program to its end. */
export async function runChild({ program, args, env, within = [] }: ChildRun): Promise<ChildEnd> {
  const script = path.join(COMPILED, `${program}.js`);
  if (!existsSync(script)) throw new Error(`${script} is missing: run "npm run build" before the tests`);
  const [command = process.execPath, ...rest] = [...within, process.execPath, script, ...args];
  const child = spawn(command, rest, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', text => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    output.stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...output }));
  });
}
