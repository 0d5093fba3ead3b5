import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openExportDirectory } from '../../../connectors/export-directory/local-export-directory.ts';
import type { ExportDirectory } from '../../../pipeline/ports.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const PREFIX_MAP = {
  'C:/': 'drives/c',
  'C:/export': 'genesys',
  'D:\\out\\': 'd',
  '/mnt/other/': '.',
  'X:/export': 'x',
  '\\\\server\\share': 'share',
};
/** `00000000_000000_000_services.ndjson.zip` has 39 bytes, so a stem may have 216. */
const LONGEST_STEM = 255 - 39;

let home: Awaited<ReturnType<typeof temporaryFolder>>;
let root: string;
let directory: ExportDirectory;
beforeEach(async () => {
  home = await temporaryFolder();
  root = path.join(home.path, 'root');
  await mkdir(path.join(root, 'there'), { recursive: true });
  await mkdir(path.join(home.path, 'outside'));
  directory = await openExportDirectory({ root, prefixMap: PREFIX_MAP });
});
afterEach(() => home.remove());

const refusal = (...words: readonly string[]) => ({
  code: 'PREFIX_REFUSED',
  message: expect.stringMatching(new RegExp(words.map(word => word.replaceAll('.', '\\.')).join('.*'))),
});

// contract 5.7, 5.8
describe('a prefix is accepted:', () => {
  test.each([
    ['a stem in the root', 'export', '', 'export'],
    ['a folder that does not exist yet', 'new/deep/export_', 'new/deep', 'export_'],
    ['a folder alone, with an empty stem', 'there/', 'there', ''],
    ['doubled slashes and . between folders', './there//./x', 'there', 'x'],
    ['a stem that begins with a dot', 'there/.x', 'there', '.x'],
    ['dots that are not a whole component', 'there/..x/y..', 'there/..x', 'y..'],
    ['spaces, quotes and other scripts', 'there/été "1" 日', 'there', 'été "1" 日'],
    ['text that looks like percent encoding', '%2e%2e/x', '%2e%2e', 'x'],
    ['the longest stem', 'x'.repeat(LONGEST_STEM), '', 'x'.repeat(LONGEST_STEM)],
    ['a mapped drive', 'C:/daily', 'drives/c', 'daily'],
    ['the longest entry of the map', 'C:/export', 'genesys', ''],
    ['a stem directly after a mapped prefix', 'C:/export_', 'genesys', '_'],
    ['folders below a mapped prefix', 'C:/export/a/b', 'genesys/a', 'b'],
    ['a folder whose name only begins like a mapped one', 'C:/exports/b', 'drives/c/exports', 'b'],
    ['a mapped prefix with backslashes', 'D:\\out\\x', 'd', 'x'],
    ['folders below a mapped prefix with backslashes', 'D:\\out\\a/b/x', 'd/a/b', 'x'],
    ['a mapped prefix as Windows spells it', 'C:\\export', 'genesys', ''],
    ['a drive in the other case', 'c:/export', 'genesys', ''],
    ['both, with folders below', 'c:\\export\\a/b\\day_', 'genesys/a/b', 'day_'],
    ['an entry with backslashes, spelled with slashes', 'd:/out/x', 'd', 'x'],
    ['a mapped share', '\\\\server\\share\\x', 'share', 'x'],
    ['a foreign absolute path mapped to the root', '/mnt/other/x', '', 'x'],
  ])('%s: %j', async (_, filePrefix, folder, stem) => {
    const expected = { folder: path.join(root, folder), stem, spelled: filePrefix };
    const { missing, ...found } = await directory.resolve(filePrefix);
    expect(found).toEqual(expected);
    expect(missing ?? expected.folder, 'a folder of the path').toSatisfy(step => expected.folder.startsWith(step));
  });

  test('an absolute path inside the root', async () => {
    const filePrefix = `${root}//there/x`;
    const expected = { folder: path.join(root, 'there'), stem: 'x', spelled: filePrefix };
    expect(await directory.resolve(filePrefix)).toEqual(expected);
  });

  test('a root configured through a link, in both spellings', async () => {
    await symlink(root, path.join(home.path, 'alias'));
    const aliased = await openExportDirectory({ root: path.join(home.path, 'alias') });
    for (const spelling of ['there/x', `${home.path}/alias/there/x`, `${root}/there/x`]) {
      expect(await aliased.resolve(spelling)).toMatchObject({ folder: path.join(root, 'there'), stem: 'x' });
    }
  });

  test('a link that stays inside the root, as its real folder', async () => {
    await symlink('there', path.join(root, 'inner'));
    expect(await directory.resolve('inner/sub/x')).toMatchObject({ folder: path.join(root, 'there/sub') });
  });
});

// contract 5.7, 5.8
describe('a prefix is refused:', () => {
  test.each([
    ['an empty prefix', '', 'is empty'],
    ['.. at the start', '../x', '".."'],
    ['.. in the middle, although it stays inside', 'there/../x', '".."'],
    ['.. at the end', 'there/..', '".."'],
    ['.. between backslashes', 'there\\..\\x', '".."'],
    ['.. after a mapped prefix', 'C:/export/../x', '".."'],
    ['a NUL', 'x\0y', 'control character'],
    ['a line feed', 'x\ny', 'control character'],
    ['a C1 control character', 'x\u0085y', 'control character'],
    ['a lone surrogate', 'x\ud800', 'Unicode'],
    ['a backslash', 'there\\x', 'backslash'],
    ['a backslash after a mapped prefix of another system', '/mnt/other/a\\x', 'backslash'],
    ['.. between backslashes', 'C:\\export\\..\\x', '".."'],
    ['an unmapped drive with backslashes', 'E:\\export', 'prefix_map'],
    ['a mapped prefix in another case', 'X:/EXPORT', 'prefix_map'],
    ['an unmapped drive', 'E:/export', 'prefix_map'],
    ['a path relative to a drive', 'E:export', 'prefix_map'],
    ['a URL', 's3://bucket/x', 'prefix_map'],
    ['another absolute path', '/etc/x', 'outside the export root.*prefix_map'],
    ['the root of the file system', '/', 'outside the export root'],
    ['a last component "."', 'there/.', 'component'],
    ['a stem that begins like hidden names', 'there/.Tidemark-x', '.tidemark-'],
    ['a stem one byte too long', 'x'.repeat(LONGEST_STEM + 1), '256 bytes'],
    ['a stem too long in bytes, but not in characters', 'é'.repeat(LONGEST_STEM / 2 + 1), '257 bytes'],
    ['too many folders', 'x/'.repeat(2_100), 'makes a path of 4[0-9]{3} bytes'],
    ['a folder name that is too long', `${'x'.repeat(256)}/y`, '256 bytes'],
  ])('%s: %j', async (_, filePrefix, reason) => {
    const quoted = JSON.stringify(filePrefix).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    const message = expect.stringMatching(new RegExp(`^file_prefix ${quoted} .*${reason}.*; allowed is `));
    await expect(directory.resolve(filePrefix)).rejects.toMatchObject({ code: 'PREFIX_REFUSED', message });
    expect(await readdir(root)).toEqual(['there']);
  });

  test('the root itself, as its files would be beside it', async () => {
    await expect(directory.resolve(root)).rejects.toMatchObject(refusal('outside the export root'));
    await expect(directory.resolve(`${root}-evil/x`)).rejects.toMatchObject(refusal('outside the export root'));
  });

  test.each([
    ['a link that leaves the root', '../outside', 'link/x'],
    ['an absolute link that leaves the root', '/etc', 'link/x'],
    ['a link that leaves the root, with folders below it', '../outside', 'link/deep/er/x'],
    ['a link without a target', '../not-there', 'link/x'],
    ['a link to itself', 'link', 'link/x'],
  ])('%s', async (_, target, filePrefix) => {
    await symlink(target, path.join(root, 'link'));
    await expect(directory.resolve(filePrefix)).rejects.toMatchObject(refusal('file_prefix', 'root/link'));
  });

  test('a link to a folder beside the root whose name begins like the root', async () => {
    await mkdir(`${root}-old`);
    await symlink('../root-old', path.join(root, 'link'));
    const resolved = directory.resolve('link/x');
    await expect(resolved, 'the link leaves the root').rejects.toMatchObject(
      refusal('leaves the export root', 'root/link'),
    );
  });

  test('a file in the place of a folder', async () => {
    await writeFile(path.join(root, 'file'), '');
    await expect(directory.resolve('file/x')).rejects.toMatchObject(refusal('file_prefix', 'runs through the file'));
  });
});
