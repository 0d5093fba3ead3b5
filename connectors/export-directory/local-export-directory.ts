import { randomUUID } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { codeOf, hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import type { Compression } from '../../pipeline/export/selection.ts';
import type { ContentFacts, Destination, ExportDirectory, PendingFile } from '../../pipeline/ports.ts';
import { FolderRefused, findFolder, hasFolder, lstatOrNull, makeFolderInRoot, removeEmptyFolders } from './folders.ts';
import { checkHardLinks } from './hard-links.ts';
import { HIDDEN_START } from './hidden-names.ts';
import { ContentHash, type NewFile, openPendingFile } from './pending-file.ts';
import { parsePrefix, prefixRefused } from './prefix.ts';
import { type PrefixMap, prefixMapFaults } from './prefix-map.ts';
import { publishFiles } from './publish.ts';
import { openPublished } from './published-file.ts';
import { ReservedNames } from './reserved-names.ts';
import { checkRootUnchanged, checkRootUsable, type ExportRoot, openRoot } from './root.ts';
import { sweepFolder } from './sweep.ts';

interface ExportDirectorySettings {
  /** The folder that holds all exports; absolute, or relative to the working directory. */
  readonly root: string;
  readonly prefixMap?: PrefixMap;
  /** Whether a missing root is made; false by default. */
  readonly create?: boolean;
  /** Tells the hidden files of one service, also after its restart, from those of others; by default of this object alone. */
  readonly owner?: string;
}

/** How often a folder that is removed meanwhile is made for a file. */
const mostTries = 10;

/** An export directory on the local disk, whose published files can be read. */
export interface LocalExportDirectory extends ExportDirectory {
  /** The root as configured (made absolute), and its real path. */
  readonly roots: readonly string[];
  /**
   * Throws `EXPORT_ROOT_GONE` while the root is away or another folder is in its place, and `NOT_WRITABLE` while it may not be
   * read and written. Tells whether it was gone at any time since the last call.
   */
  check(): Promise<{ readonly wasGone: boolean }>;
  /** Opens a published file for reading; null when it was moved away or something else has its name. Throws `EXPORT_ROOT_GONE`. */
  openFile(destination: Destination, name: string): Promise<FileHandle | null>;
}

/**
 * Opens a folder of the local disk as export directory. Throws `NOT_WRITABLE` when the root is missing or no folder,
 * `CONFIG_INVALID` for a bad `prefixMap` and for a file system without hard links.
 */
export async function openExportDirectory(settings: ExportDirectorySettings): Promise<LocalExportDirectory> {
  const prefixMap = settings.prefixMap ?? {};
  const faults = prefixMapFaults(prefixMap);
  if (faults.length > 0) throw new TidemarkError('CONFIG_INVALID', faults.join('\n'));
  const root = await openRoot(settings.root, settings.create ?? false);
  const owner = settings.owner ?? randomUUID();
  await checkHardLinks(root, owner);
  return new LocalDirectory(root, prefixMap, owner);
}

class LocalDirectory implements LocalExportDirectory {
  readonly #root: ExportRoot;
  readonly #prefixMap: PrefixMap;
  readonly #owner: string;
  readonly #reserved: ReservedNames;
  #wasGone = false;

  constructor(root: ExportRoot, prefixMap: PrefixMap, owner: string) {
    this.#root = root;
    this.#prefixMap = prefixMap;
    this.#owner = owner;
    this.#reserved = new ReservedNames(root, owner, (destination, requestId) => this.#sweep(destination, requestId));
  }

  get roots(): readonly string[] {
    return [this.#root.configured, this.#root.path];
  }

  async check(): Promise<{ readonly wasGone: boolean }> {
    await this.#below(() => checkRootUsable(this.#root));
    const wasGone = this.#wasGone;
    this.#wasGone = false;
    return { wasGone };
  }

  async openFile(destination: Destination, name: string): Promise<FileHandle | null> {
    checkName(name);
    return this.#below(() => openPublished(this.#root, destination, name));
  }

  async resolve(filePrefix: string): Promise<Destination> {
    const { folders, stem } = parsePrefix(filePrefix, this.#root, this.#prefixMap);
    try {
      await this.#below(() => checkRootUsable(this.#root));
      return { ...(await findFolder(this.#root, folders)), stem, spelled: filePrefix };
    } catch (error) {
      if (!(error instanceof FolderRefused)) throw error;
      throw prefixRefused(filePrefix, error.message, 'a prefix whose folders all lie in the export root', error);
    }
  }

  async areFree(destination: Destination, names: readonly string[]): Promise<boolean> {
    names.forEach(checkName);
    return this.#below(async () => {
      if (!(await hasFolder(this.#root, destination.folder))) return true;
      const holders = await Promise.all(names.map(name => lstatOrNull(path.join(destination.folder, name))));
      return holders.every(holder => holder === null);
    });
  }

  reserve(destination: Destination, requestId: string, stamp: number): Promise<boolean> {
    return this.#below(() => this.#reserved.reserve(destination, requestId, stamp));
  }

  release(destination: Destination, requestId: string, stamp: number): Promise<void> {
    return this.#below(() => this.#reserved.release(destination, requestId, stamp));
  }

  releaseAllBut(requestIds: readonly string[]): Promise<void> {
    return this.#below(() => this.#reserved.releaseAllBut(requestIds));
  }

  async create(to: Destination, requestId: string, name: string, compression: Compression): Promise<PendingFile> {
    checkName(name);
    const file = await this.#below(() => this.#open(to, { requestId, name, compression }));
    return {
      name,
      write: bytes => this.#below(() => file.write(bytes)),
      // A copy of the root has a copy of the hidden file.
      seal: () => this.#below(() => checkRootUnchanged(this.#root).then(() => file.seal())),
      discard: () => file.discard(),
    };
  }

  async contentOf(destination: Destination, name: string): Promise<ContentFacts | null> {
    const hash = new ContentHash();
    const handle = await this.openFile(destination, name);
    if (handle === null) return null;
    for await (const bytes of handle.createReadStream({ highWaterMark: 1 << 20 })) hash.add(bytes as Uint8Array);
    return hash.finish();
  }

  async manifestText(destination: Destination, name: string): Promise<string | null> {
    const handle = await this.openFile(destination, name);
    if (handle === null) return null;
    return handle.readFile('utf8').finally(() => handle.close());
  }

  async publish(destination: Destination, requestId: string, names: readonly string[]): Promise<void> {
    names.forEach(checkName);
    const { folder } = destination;
    return this.#below(async () => {
      if (await hasFolder(this.#root, folder)) return publishFiles(folder, { owner: this.#owner, requestId }, names);
      if (names.length === 0) return;
      throw new TidemarkError(
        'EXPORT_FAILED',
        `the folder ${folder} with the files to publish does not exist any more`,
      );
    });
  }

  sweep(destination: Destination, requestId: string): Promise<void> {
    return this.#below(() => this.#sweep(destination, requestId));
  }

  async #sweep(destination: Destination, requestId: string): Promise<void> {
    const { folder } = destination;
    if (await hasFolder(this.#root, folder)) await sweepFolder(folder, { owner: this.#owner, requestId });
    await removeEmptyFolders(this.#root, destination);
  }

  async #open({ folder }: Destination, file: Pick<NewFile, 'name' | 'compression'> & { readonly requestId: string }) {
    const request = { owner: this.#owner, requestId: file.requestId };
    for (let tries = 1; ; tries += 1) {
      try {
        await makeFolderInRoot(this.#root, folder);
        return await this.#inRoot(await openPendingFile({ ...file, folder, request }));
      } catch (error) {
        // A request that failed may have removed the folder, as long as it was empty.
        if (tries === mostTries || !(error instanceof TidemarkError && hasSystemCode(error.cause, 'ENOENT')))
          throw error;
      }
    }
  }

  /** The file, unless another folder took the place of the root while it was opened: that one must not keep it. */
  async #inRoot(file: PendingFile): Promise<PendingFile> {
    await checkRootUnchanged(this.#root).catch(async error => {
      await file.discard();
      throw error;
    });
    return file;
  }

  /** Does something below the root. While the root is gone, this is what any failure is about. */
  async #below<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const failure = await checkRootUnchanged(this.#root).then(
        () => error,
        (gone: unknown) => gone,
      );
      if (codeOf(failure) === 'EXPORT_ROOT_GONE') this.#wasGone = true;
      throw failure;
    }
  }
}

/** Throws `PREFIX_REFUSED` unless the name is one path component and no hidden name; recorded names are checked too. */
function checkName(name: string): void {
  const isOneComponent = name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name);
  if (isOneComponent && !name.toLowerCase().startsWith(HIDDEN_START)) return;
  const allowed = `allowed is one path component that does not begin with ${HIDDEN_START}`;
  throw new TidemarkError('PREFIX_REFUSED', `the file name ${JSON.stringify(name)} is refused; ${allowed}`);
}
