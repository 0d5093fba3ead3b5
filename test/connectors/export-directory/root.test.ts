import { cp, mkdir, readdir, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type LocalExportDirectory,
  openExportDirectory,
} from '../../../connectors/export-directory/local-export-directory.ts';
import type { Destination } from '../../../pipeline/ports.ts';
import { recordDiskCalls } from '../../support/disk-calls.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const NAME = 'x_1.csv';
let home: Awaited<ReturnType<typeof temporaryFolder>>;
let root: string;
let away: string;
let directory: LocalExportDirectory;
let destination: Destination;
beforeEach(async () => {
  home = await temporaryFolder();
  root = path.join(home.path, 'root');
  away = path.join(home.path, 'away');
  await mkdir(path.join(root, 'there'), { recursive: true });
  directory = await openExportDirectory({ root, owner: 'service' });
  destination = await directory.resolve('there/x_');
});
afterEach(() => home.remove());

const sealOne = async () => {
  const file = await directory.create(destination, 'id', NAME, 'uncompressed');
  await file.seal();
};
const listed = async (folder: string) => (await readdir(folder, { recursive: true })).toSorted();
const gone = (problem: RegExp) => ({ code: 'EXPORT_ROOT_GONE', message: expect.stringMatching(problem) });

const replacements: readonly (readonly [string, RegExp, () => Promise<unknown>])[] = [
  ['nothing', /^the export root .*\/root is not there; /, async () => undefined],
  ['another folder', /was replaced by another folder/, () => mkdir(path.join(root, 'there'), { recursive: true })],
  ['a copy of it', /was replaced by another folder/, () => cp(away, root, { recursive: true })],
  ['a link to a folder', /was replaced by another folder/, () => symlink(away, root)],
];

// contract 4.35
describe.each(replacements)('with %s in its place', (_, problem, replace) => {
  test('every operation says that the root is gone, and writes nothing there; all is well when it is back', async () => {
    await sealOne();
    await directory.reserve(destination, 'id', 1);
    await rename(root, away);
    await replace();
    const before = await listed(home.path);
    const operations: readonly (() => Promise<unknown>)[] = [
      () => directory.check(),
      () => directory.resolve('x'),
      () => directory.areFree(destination, [NAME]),
      () => directory.reserve(destination, 'id', 2),
      () => directory.release(destination, 'id', 1),
      () => directory.releaseAllBut([]),
      () => directory.create(destination, 'id', 'x_2.csv', 'zip'),
      () => directory.publish(destination, 'id', [NAME]),
      () => directory.sweep(destination, 'id'),
      () => directory.openFile(destination, NAME),
    ];
    for (const operation of operations) await expect(operation()).rejects.toMatchObject(gone(problem));
    expect(await listed(home.path)).toEqual(before);
    await rm(root, { recursive: true, force: true });
    await rename(away, root);
    expect(await directory.check()).toEqual({ wasGone: true });
    expect(await directory.check()).toEqual({ wasGone: false });
    await directory.publish(destination, 'id', [NAME]);
    await directory.release(destination, 'id', 1);
    expect(await listed(root)).toEqual(['there', `there/${NAME}`]);
  });

  test('a file that is being written cannot be sealed, and the message says why', async () => {
    const file = await directory.create(destination, 'id', NAME, 'uncompressed');
    await file.write(Buffer.from('half'));
    await rename(root, away);
    await replace();
    const before = await listed(home.path);
    await expect(file.seal()).rejects.toMatchObject(gone(problem));
    expect(await listed(home.path)).toEqual(before);
    await file.discard().catch(() => undefined);
  });
});

test('a link that is configured as the root must go on leading to the same folder', async () => {
  const link = path.join(home.path, 'link');
  await symlink(root, link);
  const linked = await openExportDirectory({ root: link });
  await rm(link);
  await mkdir(away);
  await symlink(away, link);
  await expect(linked.resolve('x')).rejects.toMatchObject(gone(/link was replaced by another folder/));
});

test.each([
  ['makes a folder', () => directory.create(destination, 'id', NAME, 'zip'), { open: '.part' }],
  ['reserves names', () => directory.reserve(destination, 'id', 1), { link: '.tidemark-reserved' }],
] as const)('a folder that takes the place of the root while it %s keeps no file', async (_, operation, at) => {
  const replaceRoot = async () => {
    await rename(root, away);
    await mkdir(path.join(root, 'there'), { recursive: true });
  };
  await recordDiskCalls(
    'link' in at
      ? { link: async () => replaceRoot().then(() => cp(away, root, { recursive: true })) }
      : { open: async file => (file.endsWith(at.open) ? replaceRoot() : undefined) },
  );
  await expect(operation()).rejects.toMatchObject(gone(/was replaced/));
  expect((await listed(root)).filter(name => name.includes('.tidemark-'))).toEqual([]);
});

test('what a request left while the root was gone is removed when its reservation is given back', async () => {
  const made = await directory.resolve('new/deep/x_');
  await directory.reserve(made, 'id', 1);
  await (await directory.create(made, 'id', NAME, 'uncompressed')).seal();
  const kept = await directory.create(destination, 'kept', NAME, 'uncompressed');
  await directory.reserve(destination, 'kept', 1);
  await rename(root, away);
  await expect(directory.sweep(made, 'id')).rejects.toMatchObject({ code: 'EXPORT_ROOT_GONE' });
  await rename(away, root);
  await directory.releaseAllBut(['kept']);
  expect(await listed(root)).toEqual([
    expect.stringMatching(/^\.tidemark-reserved-/),
    'there',
    expect.stringMatching(/^there\/\.tidemark-kept-/),
  ]);
  await kept.discard();
});
