import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeFolder } from '../../connectors/disk.ts';
import { Database } from '../../connectors/duckdb/file/database.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let root: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  root = await temporaryFolder();
});
afterEach(() => root.remove());

describe('making a folder', () => {
  test('makes the missing folders above it and returns those that it made', async () => {
    const inner = path.join(root.path, 'a', 'b');
    expect(await makeFolder(inner)).toEqual([path.join(root.path, 'a'), inner]);
    expect((await stat(inner)).isDirectory()).toBe(true);
    expect(await makeFolder(inner), 'a folder that exists stays as it is').toEqual([]);
  });

  test('follows a link to a folder', async () => {
    await mkdir(path.join(root.path, 'real'));
    await symlink('real', path.join(root.path, 'link'));
    expect(await makeFolder(path.join(root.path, 'link'))).toEqual([]);
  });

  test.each([
    ['a file', (name: string) => writeFile(name, '')],
    ['a link to nowhere', (name: string) => symlink('nowhere', name)],
  ])('refuses a name that %s has', async (_, make) => {
    const name = path.join(root.path, 'taken');
    await make(name);
    await expect(makeFolder(name)).rejects.toMatchObject({ code: 'EEXIST' });
    const opening = Database.open({ path: path.join(name, 'x.duckdb'), memoryLimit: '64MB', threads: 1 });
    await expect(opening, 'a database there').rejects.toMatchObject({ code: 'NOT_WRITABLE' });
  });

  test('ends where a file system makes no folders, as /proc does', async () => {
    await expect(makeFolder('/proc/nowhere/inside')).rejects.toThrow();
  });
});
