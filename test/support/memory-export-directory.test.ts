import { expect, test } from 'vitest';
import { describeExportDirectory } from '../contracts/export-directory.ts';
import { MemoryExportDirectory } from './memory-export-directory.ts';

describeExportDirectory('in memory', async () => {
  const directory = new MemoryExportDirectory();
  return {
    directory,
    read: async path => directory.files.get(`/exports/${path}`) ?? null,
    putForeign: async (path, content) => void directory.files.set(`/exports/${path}`, Buffer.from(content)),
    list: async folder =>
      [...directory.files.keys(), ...directory.hidden.keys()]
        .filter(path => path.startsWith(`/exports/${folder}/`))
        .map(path => path.slice(`/exports/${folder}/`.length)),
    close: async () => undefined,
  };
});

test('a directory with little room is full at the byte that does not fit', async () => {
  const directory = new MemoryExportDirectory({ capacityBytes: 10 });
  const file = await directory.create(await directory.resolve('x_'), 'request', 'x_1.csv', 'uncompressed');
  await file.write(Buffer.alloc(11));
  await expect(file.seal()).rejects.toMatchObject({ code: 'DISK_FULL' });
});
