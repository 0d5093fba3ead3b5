import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import path from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { startTidemark, tidemark } from '../support/tidemark.ts';

let cwd: string;
beforeEach(async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  cwd = folder.path;
});

const onto = (redirect: string) => ['sh', '-c', `exec "$@" ${redirect}`, 'sh'];

test.each([['config', 'check'], ['config', 'check', '--json'], ['--help']])(
  '%s %s %s onto a full disk ends with exit code 74 and one line that says so',
  async (...args) => {
    const { code, stderr } = await tidemark(args, { cwd, within: onto('> /dev/full') });
    expect([code, stderr]).toEqual([
      74,
      expect.stringMatching(/^.*could not write to standard output: no space .*\n$/),
    ]);
    expect(stderr).toContain('DISK_FULL');
  },
);

test('a failure keeps its exit code when nothing can be written', async () => {
  const { code } = await tidemark(['status', '--db', 'none.duckdb'], { cwd, within: onto('> /dev/full 2>&1') });
  expect(code).toBe(66);
});

test('a reader that closes the output is no failure', async () => {
  const { child, ended } = startTidemark(['config', 'check'], { cwd });
  child.stdout.destroy();
  expect(await ended).toMatchObject({ code: 0, stderr: '' });
});

test('a command that waits for a service which does not answer ends at the first SIGINT', async () => {
  const silent = createServer(() => undefined);
  const asked = new Promise(resolve => silent.once('connection', resolve));
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void silent.close());
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const server = { url, pid: 1, token: 't', export_root: '/out', certificate: null };
  await writeFile(path.join(cwd, 'x.duckdb.server.json'), JSON.stringify(server));
  const { child, ended } = startTidemark(['status', '--db', 'x.duckdb'], { cwd });
  await asked;
  child.kill('SIGINT');
  expect(await ended).toMatchObject({ code: null, signal: 'SIGINT' });
});
