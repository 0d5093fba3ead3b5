import { mkdir, readdir, rename, symlink } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openExportDirectory } from '../../../connectors/export-directory/local-export-directory.ts';
import type { ExportDirectory } from '../../../pipeline/ports.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let home: Awaited<ReturnType<typeof temporaryFolder>>;
let root: string;
let directory: ExportDirectory;
beforeEach(async () => {
  home = await temporaryFolder();
  root = path.join(home.path, 'root');
  await mkdir(path.join(root, 'there'), { recursive: true });
  await mkdir(path.join(home.path, 'outside'));
  directory = await openExportDirectory({ root });
});
afterEach(() => home.remove());

const refusal = (...words: readonly string[]) => ({
  code: 'PREFIX_REFUSED',
  message: expect.stringMatching(new RegExp(words.map(word => word.replaceAll('.', '\\.')).join('.*'))),
});

describe('when folders are replaced while an export runs', () => {
  const NAME = 'x_1.csv';
  const sealOne = async () => {
    const destination = await directory.resolve('there/x_');
    const file = await directory.create(destination, 'id', NAME, 'uncompressed');
    await file.seal();
    return destination;
  };
  const replaceByLink = async (folder: string) => {
    await rename(folder, `${folder}-moved`);
    await symlink(path.join(home.path, 'outside'), folder);
  };

  test('a folder replaced by a link after it was resolved is refused', async () => {
    const destination = await sealOne();
    await replaceByLink(destination.folder);
    const replaced = refusal('a link has replaced the folder');
    await expect(directory.create(destination, 'id', NAME, 'zip')).rejects.toMatchObject(replaced);
    await expect(directory.publish(destination, 'id', [NAME])).rejects.toMatchObject(replaced);
    expect(await readdir(path.join(home.path, 'outside'))).toEqual([]);
  });

  test('a link in the place of a folder that does not exist yet is refused', async () => {
    const destination = await directory.resolve('new/deep/x_');
    await symlink(path.join(home.path, 'outside'), path.join(root, 'new'));
    const replaced = refusal('a link has replaced the folder');
    await expect(directory.create(destination, 'id', NAME, 'zip')).rejects.toMatchObject(replaced);
    expect(await readdir(path.join(home.path, 'outside'))).toEqual([]);
  });

  test('a recorded destination outside the root is refused', async () => {
    const outside = { folder: path.join(home.path, 'outside'), stem: '', spelled: 'x' };
    await expect(directory.create(outside, 'id', NAME, 'zip')).rejects.toMatchObject(
      refusal('is not in the export root'),
    );
  });
});
