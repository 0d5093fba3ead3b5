import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { readSmallFile, readSmallFileSync, writeSmallFile } from '../../connectors/small-files.ts';
import { recordDiskCalls } from '../support/disk-calls.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  const made = await temporaryFolder();
  onTestFinished(made.remove);
  folder = made.path;
  file = path.join(folder, 'small.json');
});

test('a file that is written has its text and mode, and nothing is left beside it', async () => {
  await writeSmallFile(file, 'one\n', 0o600);
  await writeSmallFile(file, 'two\n', 0o600);
  expect(await readSmallFile(file)).toBe('two\n');
  expect(readSmallFileSync(file)).toBe('two\n');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(['small.json']);
});

test('what a process that died left under the hidden name is not followed, kept or made readable', async () => {
  await writeFile(path.join(folder, 'other'), 'other', { mode: 0o644 });
  await symlink(path.join(folder, 'other'), path.join(folder, '.small.json'));
  await writeSmallFile(file, 'secret', 0o600);
  expect(await readFile(path.join(folder, 'other'), 'utf8')).toBe('other');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('when the disk is full, the former text stays, nothing else does, and the error names the file', async () => {
  await writeSmallFile(file, 'former');
  const full = Object.assign(new Error('ENOSPC: no space left on device, fsync'), { code: 'ENOSPC' });
  await recordDiskCalls({ sync: () => Promise.reject(full) });
  await expect(writeSmallFile(file, 'new')).rejects.toMatchObject({
    code: 'DISK_FULL',
    message: expect.stringContaining(`could not write ${file}: no space is left`),
  });
  expect(await readFile(file, 'utf8')).toBe('former');
  expect(await readdir(folder)).toEqual(['small.json']);
});

test('the text is on the disk before the file gets its name', async () => {
  const calls = await recordDiskCalls();
  await writeSmallFile(file, 'text');
  expect(calls).toContain('sync .small.json');
});

test.each(['a folder', 'a named pipe'])('%s is refused at once, not waited for', async kind => {
  if (kind === 'a folder') await mkdir(file);
  else await promisify(execFile)('mkfifo', [file]);
  await expect(readSmallFile(file)).rejects.toThrow(`${file} is ${kind}; a file is needed`);
  expect(() => readSmallFileSync(file)).toThrow(`${file} is ${kind}; a file is needed`);
});
