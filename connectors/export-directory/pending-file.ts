import { createHash } from 'node:crypto';
import { constants, type FileHandle, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import type { Compression } from '../../pipeline/export/selection.ts';
import type { ContentFacts, FileFacts, PendingFile } from '../../pipeline/ports.ts';
import { diskFailure, syncFolder } from '../disk.ts';
import { BlockCutter, type Packer } from './block-cutter.ts';
import { createPacker, plainName } from './create-packer.ts';
import { hiddenName, type OwnedRequest } from './hidden-names.ts';

export interface NewFile {
  /** Absolute path of a folder that exists. */
  readonly folder: string;
  readonly request: OwnedRequest;
  /** The final name, without folder. */
  readonly name: string;
  readonly compression: Compression;
}

/**
 * Opens a new hidden file, which is renamed from `part` to `sealed` when it is complete and on disk. Throws `DISK_FULL`,
 * `NOT_WRITABLE`, or `EXPORT_FAILED` when the request already has this hidden file.
 */
export async function openPendingFile(file: NewFile): Promise<PendingFile> {
  const part = path.join(file.folder, hiddenName(file.request, file.name, 'part'));
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  try {
    return new HiddenFile(file, part, await open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o666));
  } catch (error) {
    if (!hasSystemCode(error, 'EEXIST')) throw diskFailure(error, `make a file in ${file.folder}`, 'EXPORT_FAILED');
    const problem = `the hidden file ${part} of an earlier run still exists; it must be removed before the request runs again`;
    throw new TidemarkError('EXPORT_FAILED', problem, { cause: error });
  }
}

class HiddenFile implements PendingFile {
  readonly name: string;
  readonly #folder: string;
  readonly #part: string;
  readonly #sealed: string;
  readonly #handle: FileHandle;
  readonly #blocks = new BlockCutter();
  readonly #plain = new ContentHash();
  readonly #packed = new ContentHash();
  readonly #packer: Packer;

  constructor(file: NewFile, part: string, handle: FileHandle) {
    this.name = file.name;
    this.#folder = file.folder;
    this.#part = part;
    this.#sealed = path.join(file.folder, hiddenName(file.request, file.name, 'sealed'));
    this.#handle = handle;
    this.#packer = createPacker(file.compression, plainName(file.name), bytes => this.#append(bytes));
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (const block of this.#blocks.cut(bytes)) {
        this.#plain.add(block);
        await this.#packer.take(block);
      }
    } catch (error) {
      throw this.#failure(error);
    }
  }

  async seal(): Promise<FileFacts> {
    const rest = this.#blocks.rest();
    this.#plain.add(rest);
    try {
      await this.#packer.end(rest);
      await this.#handle.sync();
      await this.#handle.close();
      await rename(this.#part, this.#sealed);
      await syncFolder(this.#folder);
    } catch (error) {
      throw this.#failure(error);
    }
    return { name: this.name, plain: this.#plain.finish(), packed: this.#packed.finish() };
  }

  async discard(): Promise<void> {
    await this.#packer.abandon();
    try {
      await this.#handle.close();
      await rm(this.#part, { force: true });
      await rm(this.#sealed, { force: true });
    } catch (error) {
      throw diskFailure(error, `remove the hidden file of ${this.name} from ${this.#folder}`, 'EXPORT_FAILED');
    }
  }

  async #append(bytes: Uint8Array): Promise<void> {
    this.#packed.add(bytes);
    for (let written = 0; written < bytes.length; ) {
      written += (await this.#handle.write(bytes, written)).bytesWritten;
    }
  }

  #failure(error: unknown): TidemarkError {
    return diskFailure(error, `write ${this.name} into ${this.#folder}`, 'EXPORT_FAILED');
  }
}

/** Counts and hashes bytes in their order. */
export class ContentHash {
  readonly #sha256 = createHash('sha256');
  #bytes = 0;

  add(bytes: Uint8Array): void {
    this.#sha256.update(bytes);
    this.#bytes += bytes.length;
  }

  /** The number of bytes and their SHA-256 in hex. To be called once, after the last byte. */
  finish(): ContentFacts {
    return { bytes: this.#bytes, sha256: this.#sha256.digest('hex') };
  }
}
