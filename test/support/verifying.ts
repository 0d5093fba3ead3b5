import { readdir, readFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { checkedManifest } from './checked-manifest.ts';
import { commandsInFolder } from './daily-files.ts';

interface Told {
  readonly manifest: string;
  readonly answer: string;
  readonly code: number;
  readonly details: readonly string[];
}

const whole = ['--time-from', '1970-01-01T00:00:00Z', '--time-to', '2199-01-01T00:00:00Z'];

/** Makes exports and verifies them, in a folder of its own for each test. */
export function verifyingInFolder() {
  const commands = commandsInFolder();
  const { run, attempt, pathOf } = commands;
  let exports = 0;

  /** What `verify` says of manifests, and its exit code. */
  async function verify(...args: readonly string[]) {
    const { code, stdout, stderr } = await attempt('verify', ...args, '--json');
    expect(stderr).toBe('');
    const told = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as Told);
    return { code, told, answers: told.map(({ answer }) => answer), details: told.flatMap(({ details }) => details) };
  }

  /** Exports everything into a folder of its own, and returns the path of the manifest. */
  async function exported(...given: readonly string[]): Promise<string> {
    exports += 1;
    const folder = `out/${exports}`;
    await run('export', '--export-root', 'out', '--file-prefix', `${exports}/`, ...whole, ...given, '--manifest');
    const name = (await readdir(pathOf(folder))).find(entry => entry.endsWith('_manifest.json'))!;
    checkedManifest(JSON.parse(await readFile(pathOf(`${folder}/${name}`), 'utf8')));
    return `${folder}/${name}`;
  }

  return {
    ...commands,
    write: (name: string, lines: readonly string[]) => commands.write(name, ...lines),
    verify,
    exported,
  };
}
