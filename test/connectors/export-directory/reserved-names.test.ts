import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openExportDirectory } from '../../../connectors/export-directory/local-export-directory.ts';
import { recordDiskCalls } from '../../support/disk-calls.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let root: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  root = await temporaryFolder();
});
afterEach(() => root.remove());

const open = (owner: string) => openExportDirectory({ root: root.path, owner });
const hidden = () => readdir(root.path);

// contract 4.3
test('a reservation is one hidden file in the root, and holds against another service', async () => {
  const [first, second] = [await open('a'), await open('b')];
  const destination = await first.resolve('day/x_');
  expect(await first.reserve(destination, 'id', 1)).toBe(true);
  expect(await hidden()).toEqual([expect.stringMatching(/^\.tidemark-reserved-[0-9a-f]{16}$/)]);
  expect(await second.reserve(await second.resolve('day/x_'), 'id', 1), 'an equal id of another service').toBe(false);
  await second.release(destination, 'id', 1);
  await second.releaseAllBut([]);
  expect(await hidden()).toHaveLength(1);
});

test('a restarted service knows what it reserved, and gives back what no request needs', async () => {
  const destination = await (await open('a')).resolve('x_');
  for (const [stamp, id] of ['one', 'two'].entries()) await (await open('a')).reserve(destination, id, stamp);
  const restarted = await open('a');
  await restarted.releaseAllBut(['two']);
  expect(await hidden()).toHaveLength(1);
  await restarted.release(destination, 'two', 1);
  expect(await hidden()).toEqual([]);
});

test('a process that dies while it reserves leaves nothing that its next start does not remove', async () => {
  const dying = await open('a');
  const destination = await dying.resolve('x_');
  const die = () => Promise.reject(new Error('dead'));
  let removals = 0;
  const rm = () => {
    removals += 1;
    return removals === 2 ? die() : Promise.resolve();
  };
  await recordDiskCalls({ link: die, rm });
  await dying.reserve(destination, 'id', 1);
  expect(await hidden()).toEqual([expect.stringMatching(/^\.tidemark-draft-/)]);
  await (await open('a')).releaseAllBut([]);
  expect(await hidden()).toEqual([]);
});

test('a disk that refuses the reservation does not refuse the request', async () => {
  const directory = await open('a');
  const destination = await directory.resolve('x_');
  const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  await recordDiskCalls({ writeFile: () => Promise.reject(full) });
  expect(await directory.reserve(destination, 'id', 1)).toBe(true);
  expect(await hidden()).toEqual([]);
});

test('other hidden files in the root stay', async () => {
  await mkdir(path.join(root.path, '.tidemark-folder'));
  await writeFile(path.join(root.path, '.tidemark-reserved-foreign'), 'of nobody');
  await (await open('a')).releaseAllBut([]);
  expect(await hidden()).toHaveLength(2);
});
