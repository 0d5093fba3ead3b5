import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openExportDirectory } from '../../../connectors/export-directory/local-export-directory.ts';
import { runExport } from '../../../pipeline/export/export.ts';
import type { Destination, ExportDirectory } from '../../../pipeline/ports.ts';
import { acceptAs } from '../../support/accepting.ts';
import { runChild } from '../../support/child-program.ts';
import { recordDiskCalls } from '../../support/disk-calls.ts';
import { openExporting } from '../../support/exporting.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const NAMES = Array.from({ length: 6 }, (_, index) => `x_${index}.csv`);

let root: Awaited<ReturnType<typeof temporaryFolder>>;
let directory: ExportDirectory;
let destination: Destination;
beforeEach(async () => {
  root = await temporaryFolder();
  directory = await openExportDirectory({ root: root.path, owner: 'publisher' });
  destination = await directory.resolve('out/x_');
});
afterEach(() => root.remove());

const listed = async () => (await readdir(destination.folder)).toSorted();
const visible = async () => (await listed()).filter(name => !name.startsWith('.'));
const sealAll = async (requestId: string, contentOf = (name: string) => name) => {
  for (const name of NAMES) {
    const file = await directory.create(destination, requestId, name, 'uncompressed');
    await file.write(Buffer.from(contentOf(name)));
    await file.seal();
  }
};

describe('after a kill during publishing', () => {
  const moments = Array.from({ length: 26 }, (_, index) => index / 25);

  test.each(moments)(
    'at %d of its time, calling it again publishes all files and removes the hidden ones',
    async fraction => {
      await sealAll('id');
      const end = await runChild({
        program: 'publish-and-die',
        args: [root.path, 'out/x_', 'id', String(fraction), ...NAMES],
      });
      expect(end.signal ?? end.code, end.stderr).toSatisfy(outcome => outcome === 'SIGKILL' || outcome === 0);
      const shown = await visible();
      expect(shown, 'names appear in the given order').toEqual(NAMES.slice(0, shown.length));
      await directory.publish(destination, 'id', NAMES);
      expect(await listed()).toEqual(NAMES);
      for (const name of NAMES) expect(await readFile(path.join(destination.folder, name), 'utf8')).toBe(name);
    },
  );
});

describe('after an interruption', () => {
  const linkFirst = async (count: number) => {
    const hidden = new Map<string, string>();
    for (const name of await listed()) hidden.set(await readFile(path.join(destination.folder, name), 'utf8'), name);
    for (const name of NAMES.slice(0, count)) {
      await link(path.join(destination.folder, hidden.get(name) ?? ''), path.join(destination.folder, name));
    }
    return hidden;
  };

  test.each(NAMES.map((_, index) => index))('with %i names linked, publishing completes', async count => {
    await sealAll('id');
    await linkFirst(count);
    await directory.publish(destination, 'id', NAMES);
    expect(await listed()).toEqual(NAMES);
  });

  test.each([1, 3, 5])(
    'with %i names linked and the next taken by a foreign file, publishing removes the linked names',
    async count => {
      await sealAll('id');
      await linkFirst(count);
      const taken = NAMES[count] ?? '';
      await writeFile(path.join(destination.folder, taken), 'foreign');
      await expect(directory.publish(destination, 'id', NAMES)).rejects.toMatchObject({ code: 'NAME_TAKEN' });
      expect(await visible()).toEqual([taken]);
      await rm(path.join(destination.folder, taken));
      await directory.publish(destination, 'id', NAMES);
      expect(await listed()).toEqual(NAMES);
    },
  );

  test.each([1, 3, 5])('with %i names linked, a sweep removes all files of the request', async count => {
    await sealAll('id');
    await linkFirst(count);
    await writeFile(path.join(destination.folder, 'x_foreign.csv'), 'foreign');
    await directory.sweep(destination, 'id');
    expect(await listed()).toEqual(['x_foreign.csv']);
  });

  test.each([0, 2, 6])('with all names linked and %i hidden files removed, a sweep keeps all names', async count => {
    await sealAll('id');
    const hidden = await linkFirst(NAMES.length);
    for (const name of NAMES.slice(0, count)) await rm(path.join(destination.folder, hidden.get(name) ?? ''));
    await directory.sweep(destination, 'id');
    expect(await listed()).toEqual(NAMES);
  });

  test.each([1, 3, 6])(
    'with all names linked and %i hidden files removed, publishing removes the other hidden files',
    async count => {
      await sealAll('id');
      const hidden = await linkFirst(NAMES.length);
      for (const name of NAMES.slice(0, count)) await rm(path.join(destination.folder, hidden.get(name) ?? ''));
      await directory.publish(destination, 'id', NAMES);
      expect(await listed()).toEqual(NAMES);
    },
  );

  test('a foreign file under the name of a lost file is not taken for it', async () => {
    await sealAll('id');
    const hidden = await linkFirst(1);
    const lost = NAMES[2] ?? '';
    await rm(path.join(destination.folder, hidden.get(lost) ?? ''));
    await writeFile(path.join(destination.folder, lost), 'foreign');
    await expect(directory.publish(destination, 'id', NAMES)).rejects.toMatchObject({ code: 'EXPORT_FAILED' });
    expect(await visible()).toEqual([lost]);
  });
});

describe('the system calls of publishing', () => {
  const [hidden, out] = ['rm hidden', 'sync out'];
  const linked = (names: readonly string[]) => names.map(name => `link ${name}`);
  /** All hidden names alike, as they contain hashes. */
  const named = (calls: readonly string[]) => calls.map(call => call.replace(/^rm \..*/, hidden));

  test('make all names durable before the first hidden file is removed and before publishing returns', async () => {
    await sealAll('id');
    const calls = await recordDiskCalls();
    await directory.publish(destination, 'id', NAMES);
    calls.push('published');
    expect(named(calls), 'the folder is synced after the last link').toEqual([
      ...linked(NAMES),
      out,
      ...NAMES.map(() => hidden),
      out,
      'published',
    ]);
  });

  test('remove linked names from the last to the first, so that the last is never there without the others', async () => {
    await sealAll('id');
    await writeFile(path.join(destination.folder, NAMES[4] ?? ''), 'foreign');
    const calls = await recordDiskCalls();
    await expect(directory.publish(destination, 'id', NAMES)).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    const linkedNames = NAMES.slice(0, 4);
    expect(calls, 'names are removed from the last to the first').toEqual([
      ...linked(linkedNames),
      ...linkedNames.toReversed().map(name => `rm ${name}`),
      out,
    ]);
  });
});

test('a sealed file was synced to disk after its last byte', async () => {
  const calls = await recordDiskCalls();
  const file = await directory.create(destination, 'id', 'x_0.csv', 'gzip');
  await file.write(Buffer.from('some bytes'));
  await file.seal();
  const kinds = calls.map(call => call.replace(/ \..*/, ''));
  expect(kinds.slice(kinds.lastIndexOf('write')), 'the file, then the name of its hidden file').toEqual([
    'write',
    'sync',
    'sync out',
  ]);
});

test('a request is recorded as completed only after its names are durable', async () => {
  const { parts } = await openExporting({ db: path.join(root.path, 'x.duckdb'), root: root.path });
  const window = { time_from: '2026-03-01T00:00:00Z', time_to: '2026-03-02T00:00:00Z' };
  const record = await acceptAs({ file_prefix: 'out/x_', ...window }, 'id', parts);
  const calls = await recordDiskCalls();
  const update = parts.store.update.bind(parts.store);
  vi.spyOn(parts.store, 'update').mockImplementation((requestId, change) => {
    calls.push(String(change.state));
    return update(requestId, change);
  });
  const { plan } = await runExport(record, parts);
  const links = plan.names.map(name => `link ${name}`);
  const seen = calls.filter(call => call === 'sync out' || call === 'completed' || links.includes(call));
  expect(seen.slice(seen.indexOf(links[0]!)), 'link, sync the folder, then record completed').toEqual([
    ...links,
    'sync out',
    'sync out',
    'completed',
  ]);
});

test('of two requests that publish the same names at once, at most one gets them, and then all of them', async () => {
  await Promise.all(['first', 'second'].map(id => sealAll(id, name => `${name} of ${id}`)));
  const ends = await Promise.allSettled(
    ['first', 'second'].map(requestId => directory.publish(destination, requestId, NAMES)),
  );
  const won = ends.filter(end => end.status === 'fulfilled').length;
  expect(won).toBeLessThanOrEqual(1);
  expect(await visible()).toEqual(won === 1 ? NAMES : []);
  await directory.sweep(destination, 'first');
  await directory.sweep(destination, 'second');
  expect(await listed()).toEqual(won === 1 ? NAMES : []);
});

test('of two requests with the same content, each that gets the names has all of them', async () => {
  await Promise.all([sealAll('first'), sealAll('second')]);
  const ends = await Promise.allSettled(
    ['first', 'second'].map(requestId => directory.publish(destination, requestId, NAMES)),
  );
  const won = ends.filter(end => end.status === 'fulfilled').length;
  expect(await visible()).toEqual(won === 0 ? [] : NAMES);
});

test('files of the same content without the last one are half a set, which may be taken back: NAME_TAKEN', async () => {
  await sealAll('id');
  for (const name of NAMES.slice(0, -1)) await writeFile(path.join(destination.folder, name), name);
  await expect(directory.publish(destination, 'id', NAMES)).rejects.toMatchObject({ code: 'NAME_TAKEN' });
  expect(await visible()).toEqual(NAMES.slice(0, -1));
});

test('a folder with a wanted name is NAME_TAKEN', async () => {
  await sealAll('id');
  await mkdir(path.join(destination.folder, NAMES[4] ?? ''));
  await expect(directory.publish(destination, 'id', NAMES)).rejects.toMatchObject({ code: 'NAME_TAKEN' });
  expect(await visible()).toEqual([NAMES[4]]);
});
