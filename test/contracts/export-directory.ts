/** What every implementation of the ExportDirectory port must do. The test file of each implementation calls it. */
import { createHash } from 'node:crypto';
import { gunzipSync, unzipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Compression } from '../../pipeline/export/selection.ts';
import type { Destination, ExportDirectory } from '../../pipeline/ports.ts';

/** One implementation, opened for each test. Paths are relative to the export root. */
export interface OpenedDirectory {
  readonly directory: ExportDirectory;
  /** The bytes of a visible file; null when there is none. */
  read(path: string): Promise<Uint8Array | null>;
  /** Writes a file that belongs to no export. Its folder exists. */
  putForeign(path: string, content: string): Promise<void>;
  /** Names in a folder, hidden ones included. */
  list(folder: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

const NAMES = ['day_1_states.csv', 'day_1_tasks.csv', 'day_1_services.csv'] as const;
const REQUEST = 'request/1 with "odd" letters';

const unpack: Record<Compression, (packed: Uint8Array) => Uint8Array> = {
  uncompressed: packed => packed,
  gzip: packed => gunzipSync(packed),
  zip: packed => Object.values(unzipSync(packed))[0] ?? new Uint8Array(),
};

export function describeExportDirectory(implementation: string, open: () => Promise<OpenedDirectory>): void {
  describe(`export directory contract: ${implementation}`, () => {
    let opened: OpenedDirectory;
    let destination: Destination;
    beforeEach(async () => {
      opened = await open();
      destination = await opened.directory.resolve('nightly/day_');
    });
    afterEach(() => opened.close());
    const sealAll = (requestId = REQUEST, names: readonly string[] = NAMES) =>
      sealFiles(opened.directory, destination, requestId, names);
    const publish = (requestId = REQUEST) => opened.directory.publish(destination, requestId, NAMES);
    const visible = async () => (await opened.list('nightly')).filter(name => !name.startsWith('.'));

    test.each(['uncompressed', 'gzip', 'zip'] as const)('%s: a file holds what was written', async kind => {
      const file = await opened.directory.create(destination, REQUEST, 'day_1_services.csv', kind);
      await file.write(Buffer.from('a,b\n'));
      await file.write(Buffer.from('c,d\n'));
      const facts = await file.seal();
      await opened.directory.publish(destination, REQUEST, ['day_1_services.csv']);
      const packed = (await opened.read('nightly/day_1_services.csv')) ?? new Uint8Array();
      expect(Buffer.from(unpack[kind](packed)).toString()).toBe('a,b\nc,d\n');
      expect(facts).toEqual({ name: file.name, plain: factsOf(Buffer.from('a,b\nc,d\n')), packed: factsOf(packed) });
    });

    test('files are hidden until they are published, and then no hidden file stays (contract 4.4)', async () => {
      await sealAll();
      expect(await visible()).toEqual([]);
      await publish();
      expect((await opened.list('nightly')).toSorted()).toEqual(NAMES.toSorted());
    });

    test('publishing twice changes nothing', async () => {
      await sealAll();
      await publish();
      await publish();
      expect((await opened.list('nightly')).toSorted()).toEqual(NAMES.toSorted());
    });

    test('an empty file can be sealed', async () => {
      const file = await opened.directory.create(destination, REQUEST, NAMES[0], 'uncompressed');
      expect(await file.seal()).toMatchObject({ plain: factsOf(new Uint8Array()), packed: { bytes: 0 } });
    });

    // contract 4.3, 4.4
    test.each(NAMES)(
      'when %s belongs to another file, nothing is published and that file is unchanged',
      async taken => {
        await sealAll();
        await opened.putForeign(`nightly/${taken}`, 'foreign');
        await expect(publish()).rejects.toMatchObject({ code: 'NAME_TAKEN' });
        expect(await visible()).toEqual([taken]);
        expect(Buffer.from((await opened.read(`nightly/${taken}`)) ?? []).toString()).toBe('foreign');
      },
    );

    test('a name that a file of the same content has counts as published, and that file stays (contract 5.4)', async () => {
      await sealAll('first');
      await publish('first');
      await sealAll('second');
      await publish('second');
      expect((await opened.list('nightly')).toSorted()).toEqual(NAMES.toSorted());
      await sealAll('third');
      await opened.putForeign(`nightly/${NAMES[1]}`, 'foreign');
      await expect(publish('third')).rejects.toMatchObject({ code: 'NAME_TAKEN' });
      expect(await visible()).toHaveLength(3);
      expect(await opened.directory.manifestText(destination, NAMES[1])).toBe('foreign');
      expect(await opened.directory.contentOf(destination, NAMES[1])).toEqual(factsOf(Buffer.from('foreign')));
      expect(await opened.directory.contentOf(destination, 'day_2_tasks.csv')).toBeNull();
      expect(await opened.directory.manifestText(destination, 'day_2_manifest.json')).toBeNull();
    });

    test('when one file is not sealed, nothing is published', async () => {
      await sealAll(REQUEST, NAMES.slice(0, 2));
      const unsealed = await opened.directory.create(destination, REQUEST, NAMES[2], 'uncompressed');
      await expect(publish()).rejects.toMatchObject({ code: 'EXPORT_FAILED' });
      expect(await visible()).toEqual([]);
      await unsealed.discard();
    });

    test('a sweep removes the hidden files of one request, not those of others and not published files', async () => {
      await sealAll('first');
      await publish('first');
      await sealAll('second', ['day_2_services.csv']);
      await sealAll('second-longer', ['day_3_services.csv']);
      const unfinished = await opened.directory.create(destination, 'second', 'day_2_tasks.csv', 'gzip');
      await opened.directory.sweep(destination, 'first');
      expect(await opened.list('nightly')).toHaveLength(6);
      await opened.directory.sweep(destination, 'second');
      expect(await opened.list('nightly')).toHaveLength(4);
      await unfinished.discard();
      await opened.directory.publish(destination, 'second-longer', ['day_3_services.csv']);
      expect(await visible()).toHaveLength(4);
    });

    test('a file may be discarded twice, and is removed', async () => {
      const file = await opened.directory.create(destination, REQUEST, NAMES[0], 'zip');
      await file.write(Buffer.from('some'));
      await file.discard();
      await file.discard();
      expect(await opened.list('nightly')).toEqual([]);
    });

    test('a request cannot write two files of one name at once', async () => {
      const file = await opened.directory.create(destination, REQUEST, NAMES[0], 'uncompressed');
      const again = opened.directory.create(destination, REQUEST, NAMES[0], 'uncompressed');
      await expect(again).rejects.toMatchObject({ code: 'EXPORT_FAILED' });
      await file.discard();
    });

    test('names are free until one of them is published', async () => {
      expect(await opened.directory.areFree(destination, NAMES)).toBe(true);
      await sealAll();
      expect(await opened.directory.areFree(destination, NAMES)).toBe(true);
      await publish();
      expect(await opened.directory.areFree(destination, ['other.csv', NAMES[1]])).toBe(false);
      expect(await opened.directory.areFree(destination, ['other.csv'])).toBe(true);
    });

    // contract 4.3
    test('a reservation keeps others from a stem and a stamp, and only its request gives it back', async () => {
      const { directory } = opened;
      const reserve = (id: string, stamp: number, to = destination) => directory.reserve(to, id, stamp);
      expect(await reserve('first', 1)).toBe(true);
      expect(await reserve('first', 1), 'the request has it already').toBe(true);
      expect(await reserve('second', 1)).toBe(false);
      expect(await reserve('second', 2)).toBe(true);
      expect(await reserve('third', 1, await directory.resolve('nightly/night_'))).toBe(true);
      expect(await reserve('fourth', 1, await directory.resolve('weekly/day_'))).toBe(true);
      await directory.release(destination, 'second', 1);
      expect(await reserve('second', 1), 'another request gave it back').toBe(false);
      await directory.release(destination, 'first', 1);
      expect(await reserve('second', 1)).toBe(true);
    });

    test('of many requests at once one reserves a stamp', async () => {
      const ids = Array.from({ length: 20 }, (_, index) => `request-${index}`);
      const reserved = await Promise.all(ids.map(id => opened.directory.reserve(destination, id, 1)));
      expect(reserved.filter(Boolean)).toHaveLength(1);
    });

    test('reservations of all but some requests are given back', async () => {
      const { directory } = opened;
      for (const [stamp, id] of ['kept', 'dead'].entries()) await directory.reserve(destination, id, stamp);
      await directory.releaseAllBut(['kept']);
      expect(await directory.reserve(destination, 'next', 0)).toBe(false);
      expect(await directory.reserve(destination, 'next', 1)).toBe(true);
    });

    test.each(['../x', '', '/elsewhere/x', 'a\\b', 'nul\0'])('the prefix %j is refused', async prefix => {
      const refused = { code: 'PREFIX_REFUSED', message: expect.stringContaining('file_prefix') };
      await expect(opened.directory.resolve(prefix)).rejects.toMatchObject(refused);
    });
  });
}

async function sealFiles(
  directory: ExportDirectory,
  destination: Destination,
  requestId: string,
  names: readonly string[],
): Promise<void> {
  for (const name of names) {
    const file = await directory.create(destination, requestId, name, 'uncompressed');
    await file.write(Buffer.from(`content of ${name}\n`));
    await file.seal();
  }
}

function factsOf(bytes: Uint8Array) {
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}
