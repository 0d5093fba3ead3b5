import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openExportDirectory } from '../../../connectors/export-directory/local-export-directory.ts';
import { describeExportDirectory } from '../../contracts/export-directory.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

describeExportDirectory('on disk', async () => {
  const root = await temporaryFolder();
  return {
    directory: await openExportDirectory({ root: root.path }),
    read: file => readFile(path.join(root.path, file)).catch(() => null),
    putForeign: (file, content) => writeFile(path.join(root.path, file), content),
    list: folder => readdir(path.join(root.path, folder)).catch(() => []),
    close: root.remove,
  };
});

describe('an export directory', () => {
  let root: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeEach(async () => {
    root = await temporaryFolder();
  });
  afterEach(() => root.remove());

  test('with a missing root is refused; the message names the root', async () => {
    const missing = path.join(root.path, 'missing');
    const refused = { code: 'NOT_WRITABLE', message: expect.stringContaining(missing) };
    await expect(openExportDirectory({ root: missing })).rejects.toMatchObject(refused);
  });

  test('with a missing root is made when `create` is set', async () => {
    const missing = path.join(root.path, 'missing/deep');
    await openExportDirectory({ root: missing, create: true });
    expect(await readdir(missing)).toEqual([]);
  });

  test.each([false, true])('with a file as its root is refused (create: %j)', async create => {
    const file = path.join(root.path, 'file');
    await writeFile(file, '');
    await expect(openExportDirectory({ root: file, create })).rejects.toMatchObject({ code: 'NOT_WRITABLE' });
  });

  test.each([
    ['without a foreign prefix', { '': 'folder' }],
    ['whose folder leaves the root', { 'C:/': '../other' }],
    ['whose folder is absolute', { 'C:/': '/other' }],
    ['whose folder has a backslash', { 'C:/': 'a\\b' }],
    ['for the prefix of another entry, spelled otherwise', { 'C:/export': 'a', 'c:\\export': 'b' }],
  ])('a prefix_map entry %s is refused', async (_, prefixMap) => {
    const refused = { code: 'CONFIG_INVALID', message: expect.stringContaining('prefix_map') };
    await expect(openExportDirectory({ root: root.path, prefixMap })).rejects.toMatchObject(refused);
  });

  test.each(['', '.', '..', 'a/b', 'nul\0', '.tidemark-x'])('refuses the recorded name %j', async name => {
    const directory = await openExportDirectory({ root: root.path });
    const destination = await directory.resolve('x');
    const refused = { code: 'PREFIX_REFUSED' };
    await expect(directory.create(destination, 'id', name, 'zip')).rejects.toMatchObject(refused);
    await expect(directory.publish(destination, 'id', [name])).rejects.toMatchObject(refused);
  });

  test('writes nothing to resolve a prefix, and makes the folders with the first file (contract 4.4)', async () => {
    const directory = await openExportDirectory({ root: root.path });
    const destination = await directory.resolve('a/b/c_');
    expect(await readdir(root.path)).toEqual([]);
    expect(await directory.areFree(destination, ['c_1.csv'])).toBe(true);
    await directory.sweep(destination, 'id');
    await (await directory.create(destination, 'id', 'c_1.csv', 'gzip')).discard();
    expect(await readdir(path.join(root.path, 'a'))).toEqual(['b']);
  });

  // contract 4.4
  test('a sweep takes the empty folders that the request made, and no others', async () => {
    const directory = await openExportDirectory({ root: root.path });
    await mkdir(path.join(root.path, 'there/empty'), { recursive: true });
    const [made, inside, beside] = [
      await directory.resolve('there/new/deep/x_'),
      await directory.resolve('there/empty/x_'),
      await directory.resolve('there/new/kept/x_'),
    ];
    expect([made.missing, inside.missing]).toEqual([path.join(root.path, 'there/new'), undefined]);
    const kept = await directory.create(beside, 'other', 'x_1.csv', 'gzip');
    for (const destination of [made, inside]) {
      await directory.create(destination, 'id', 'x_1.csv', 'gzip').then(file => file.discard());
      await directory.sweep(destination, 'id');
    }
    expect((await readdir(path.join(root.path, 'there'))).toSorted()).toEqual(['empty', 'new']);
    expect(await readdir(path.join(root.path, 'there/new'))).toEqual(['kept']);
    await kept.discard();
    await directory.sweep(beside, 'other');
    await directory.sweep(made, 'id');
    expect(await readdir(path.join(root.path, 'there'))).toEqual(['empty']);
  });

  test('a file finds its folder also while failed requests remove it', async () => {
    const directory = await openExportDirectory({ root: root.path });
    const destination = await directory.resolve('a/b/c_');
    const requests = Array.from({ length: 20 }, async (_, index) => {
      const file = await directory.create(destination, `id-${index}`, 'c_1.csv', 'uncompressed');
      await file.discard();
      await directory.sweep(destination, `id-${index}`);
    });
    await Promise.all(requests);
    expect(await readdir(root.path)).toEqual([]);
  });

  test('fails to publish when the folder with the sealed files was removed', async () => {
    const directory = await openExportDirectory({ root: root.path });
    const destination = await directory.resolve('a/c_');
    await expect(directory.publish(destination, 'id', ['c_1.csv'])).rejects.toMatchObject({ code: 'EXPORT_FAILED' });
    await mkdir(path.join(root.path, 'a'));
    await expect(directory.publish(destination, 'id', ['c_1.csv'])).rejects.toMatchObject({ code: 'EXPORT_FAILED' });
  });
});
