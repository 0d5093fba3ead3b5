import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tidemarkDone } from '../support/tidemark.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

const exportsFolder = () => path.join(folder.path, 'tidemark-demo', 'exports');

test('the demo writes the files that it lists, in under 20 seconds, and the same files when it runs again', async () => {
  const began = performance.now();
  const shown = await tidemarkDone(['demo'], { cwd: folder.path });
  expect(performance.now() - began).toBeLessThan(20_000);
  const files = [...shown.matchAll(/^(\S+\.csv) +([\d,]+) +([\d,]+) +([0-9a-f]{64})$/gm)].map(row => row.slice(1));
  expect(files.map(([name]) => /_([a-z]+)\.csv$/.exec(name ?? '')?.[1])).toEqual(['tasks', 'states', 'services']);
  expect((await readdir(exportsFolder())).toSorted()).toEqual(files.map(([name]) => name).toSorted());
  for (const [name = '', rows = '', bytes = '', sha256] of files) {
    const content = await readFile(path.join(exportsFolder(), name));
    expect(createHash('sha256').update(content).digest('hex')).toBe(sha256);
    expect([content.length.toLocaleString('en-US'), linesOf(content)]).toEqual([bytes, rows]);
  }
  const next = [...shown.matchAll(/^ {2}npx tidemark (.+)$/gm)].map(([, command]) => command ?? '');
  expect(next).toHaveLength(3);
  for (const command of next.slice(0, 2)) await tidemarkDone(command.split(' '), { cwd: folder.path });

  const again = await tidemarkDone(['demo', '--json'], { cwd: folder.path });
  const { files: told }: { files: { rows: number; sha256: string }[] } = JSON.parse(again);
  expect(told.map(({ sha256 }) => sha256)).toEqual(files.map(([, , , sha256]) => sha256));
});

test("the demo keeps a user's file in its folder", async () => {
  const own = path.join(folder.path, 'tidemark-demo', 'notes.txt');
  await mkdir(path.dirname(own));
  await writeFile(own, 'mine');
  await tidemarkDone(['demo'], { cwd: folder.path });
  expect(await readFile(own, 'utf8')).toBe('mine');
});

function linesOf(content: Buffer): string {
  return content.filter(byte => byte === 0x0a).length.toLocaleString('en-US');
}
