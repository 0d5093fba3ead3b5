import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import yauzl, { type Entry, type Options, type ZipFile } from 'yauzl';
import { hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import type { Compression } from '../../pipeline/export/selection.ts';
import type { ContentFacts } from '../../pipeline/ports.ts';
import type { ExportedFile, ExportedFiles } from '../../pipeline/verify/exported-files.ts';
import { readFailure } from '../disk.ts';
import { BlockCutter } from './block-cutter.ts';
import { createPacker, plainName } from './create-packer.ts';
import { ContentHash } from './pending-file.ts';

/** The files of exports in a folder. Only names without a folder are looked up: a manifest may come from anywhere. */
export function exportedFolder(folder: string): ExportedFiles {
  return {
    async open(name) {
      if (name !== path.basename(name) || name === '' || name === '.' || name === '..') return null;
      const file = path.join(folder, name);
      try {
        return (await stat(file)).isFile() ? new FileInFolder(file) : null;
      } catch (error) {
        if (hasSystemCode(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG')) return null;
        throw readFailure(error, file);
      }
    },
  };
}

class FileInFolder implements ExportedFile {
  readonly #path: string;

  constructor(file: string) {
    this.#path = file;
  }

  async packed(): Promise<ContentFacts> {
    const hash = new ContentHash();
    try {
      for await (const bytes of createReadStream(this.#path)) hash.add(bytes);
    } catch (error) {
      throw readFailure(error, this.#path);
    }
    return hash.finish();
  }

  async *plain(): AsyncGenerator<Uint8Array> {
    try {
      yield* await this.#open();
    } catch (error) {
      // Failures of the disk have a system call; the others are of unpacking.
      if (error instanceof Error && 'syscall' in error) throw readFailure(error, this.#path);
      const reason = error instanceof Error ? error.message : String(error);
      throw new TidemarkError('SOURCE_CORRUPT', `${this.#path} cannot be unpacked: ${reason}`, { cause: error });
    }
  }

  async packedAgain(): Promise<ContentFacts> {
    const hash = new ContentHash();
    const blocks = new BlockCutter();
    const packer = createPacker(this.#compression, plainName(path.basename(this.#path)), async bytes =>
      hash.add(bytes),
    );
    try {
      for await (const bytes of this.plain()) for (const block of blocks.cut(bytes)) await packer.take(block);
      await packer.end(blocks.rest());
    } finally {
      await packer.abandon();
    }
    return hash.finish();
  }

  async #open(): Promise<AsyncIterable<Uint8Array>> {
    if (this.#compression === 'zip') return readZipEntry(this.#path);
    const bytes = createReadStream(this.#path);
    if (this.#compression === 'uncompressed') return bytes;
    const gunzip = createGunzip();
    bytes.on('error', error => gunzip.destroy(error));
    return bytes.pipe(gunzip);
  }

  get #compression(): Compression {
    return this.#path.endsWith('.gz') ? 'gzip' : this.#path.endsWith('.zip') ? 'zip' : 'uncompressed';
  }
}

const openArchive = promisify<string, Options, ZipFile>(yauzl.open);

/** The content of the only entry of an archive. Throws an `Error` when it has none, or several, or is damaged. */
async function* readZipEntry(path: string): AsyncGenerator<Uint8Array> {
  const archive = await openArchive(path, { lazyEntries: true, autoClose: false });
  try {
    if (archive.entryCount !== 1) throw new Error(`it has ${archive.entryCount} entries, not one`);
    const entry = await new Promise<Entry>((resolve, reject) => {
      archive
        .once('entry', resolve)
        .once('error', reject)
        .once('end', () => reject(new Error('it has no entry')));
      archive.readEntry();
    });
    yield* await promisify<Entry, AsyncIterable<Uint8Array>>(archive.openReadStream.bind(archive))(entry);
  } finally {
    archive.close();
  }
}
