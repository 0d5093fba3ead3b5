import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { skipBecause } from '../support/skipping.ts';

const program = path.resolve('dist/test/support/stop-never.js');

function start(command: string, args: readonly string[]) {
  const child = spawn(command, [...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, ended: once(child, 'exit') };
}

async function says({ stdout }: ChildProcess, word: string): Promise<void> {
  const [text] = await once(stdout!, 'data');
  expect(String(text)).toContain(word);
}

test.each([
  ['SIGINT', 'SIGINT'],
  ['SIGTERM', 'SIGINT'],
  ['SIGINT', 'SIGTERM'],
] as const)('after %s, %s ends a process that does not stop', async (first, second) => {
  const { child, ended } = start(process.execPath, [program]);
  await says(child, 'ready');
  child.kill(first);
  await says(child, 'stopping');
  child.kill(second);
  expect(await ended).toEqual([null, second]);
});

test.each([
  ['the one that is set', '', 65],
  ['the one that is given', '75', 75],
])('a process that is ended has %s as its exit code', async (_, given, code) => {
  const ending = JSON.stringify(path.resolve('dist/ops/ending.js'));
  const script = `import { endProcess } from ${ending}; process.exitCode = 65; endProcess(${given});`;
  const { ended } = start(process.execPath, ['--input-type=module', '-e', script]);
  expect(await ended).toEqual([code, null]);
});

test('the first process of a container, which no default action ends, is ended by a second signal too', async context => {
  const container = ['-pf', '--kill-child', '--mount-proc'];
  if (spawnSync('unshare', [...container, 'true']).status !== 0) skipBecause(context, '"unshare -pf" is not permitted');
  const { child, ended } = start('unshare', [...container, process.execPath, program]);
  await says(child, 'ready');
  const inside = Number(await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'));
  process.kill(inside, 'SIGINT');
  await says(child, 'stopping');
  process.kill(inside, 'SIGINT');
  expect(await ended).toEqual([130, null]);
});
