import { createHash } from 'node:crypto';
import { type FileHandle, open, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CheckedFiles } from '../../../connectors/http/checked-files.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let file: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  file = path.join(folder.path, 'x.csv');
});
afterEach(() => folder.remove());

/** Writes the file as if that had been long ago. */
async function write(content: string, at: Date): Promise<void> {
  await writeFile(file, content);
  await utimes(file, at, at);
}

/** What is found of the file, and whether its content was read for it. */
async function check(checked: CheckedFiles, during = async (_handle: FileHandle) => undefined) {
  const handle = await open(file);
  const reading = vi.spyOn(handle, 'createReadStream');
  try {
    const [found] = await Promise.all([checked.check(handle), during(handle)]);
    return { ...found, isRead: reading.mock.calls.length > 0 };
  } finally {
    await handle.close();
  }
}

const facts = (content: string) => ({
  bytes: content.length,
  sha256: createHash('sha256').update(content).digest('hex'),
});
const [monday, tuesday] = [new Date('2026-03-02T00:00:00Z'), new Date('2026-03-03T00:00:00Z')];

// contract 5.13
test('a file is read once, and again when its mtime or its size is another', async () => {
  const checked = new CheckedFiles({ now: Date.now });
  await write('one', monday);
  expect(await check(checked)).toEqual({ ...facts('one'), isRead: true });
  expect(await check(checked)).toEqual({ ...facts('one'), isRead: false });
  await write('two', tuesday);
  expect(await check(checked)).toEqual({ ...facts('two'), isRead: true });
  await write('three', tuesday);
  expect(await check(checked)).toEqual({ ...facts('three'), isRead: true });
});

test('a file that was changed a moment ago is read each time, as it may change again with the same mtime', async () => {
  const checked = new CheckedFiles({ now: Date.now });
  const now = new Date();
  await write('one', now);
  expect(await check(checked)).toEqual({ ...facts('one'), isRead: true });
  await write('two', now);
  expect(await check(checked)).toEqual({ ...facts('two'), isRead: true });
});

test('a reading that fails is not remembered', async () => {
  const checked = new CheckedFiles({ now: Date.now });
  await write('one', monday);
  await expect(check(checked, async handle => void (await handle.close()))).rejects.toThrow();
  expect(await check(checked)).toEqual({ ...facts('one'), isRead: true });
});
