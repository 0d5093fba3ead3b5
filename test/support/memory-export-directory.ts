import path from 'node:path';
import { BlockCutter, type Packer } from '../../connectors/export-directory/block-cutter.ts';
import { createPacker, plainName } from '../../connectors/export-directory/create-packer.ts';
import { type HiddenStage, hiddenName, hiddenStart } from '../../connectors/export-directory/hidden-names.ts';
import { ContentHash } from '../../connectors/export-directory/pending-file.ts';
import { parsePrefix } from '../../connectors/export-directory/prefix.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { Compression } from '../../pipeline/export/selection.ts';
import type { ContentFacts, Destination, ExportDirectory, FileFacts, PendingFile } from '../../pipeline/ports.ts';

const owner = 'memory';
const ROOT = { configured: '/exports', path: '/exports', device: 0n, inode: 0n };

/** An export directory without a disk, for tests and demonstrations. Files lie under `/exports`. */
export class MemoryExportDirectory implements ExportDirectory {
  /** Visible files: absolute path → packed bytes. A test may put foreign files here. */
  readonly files = new Map<string, Uint8Array>();
  /** Hidden files, by absolute path. */
  readonly hidden = new Map<string, Uint8Array>();
  /** The request that has reserved the names with a stem and a stamp. */
  readonly reserved = new Map<string, string>();
  readonly #capacityBytes: number;

  /** With `capacityBytes`, writing fails with `DISK_FULL` as soon as all files together would hold more. */
  constructor({ capacityBytes = Number.POSITIVE_INFINITY }: { readonly capacityBytes?: number } = {}) {
    this.#capacityBytes = capacityBytes;
  }

  async resolve(filePrefix: string): Promise<Destination> {
    const { folders, stem } = parsePrefix(filePrefix, ROOT, {});
    return { folder: path.join(ROOT.path, ...folders), stem, spelled: filePrefix };
  }

  async reserve(to: Destination, requestId: string, stamp: number): Promise<boolean> {
    const key = `${to.folder}/${to.stem}${stamp}`;
    const holder = this.reserved.get(key) ?? requestId;
    this.reserved.set(key, holder);
    return holder === requestId;
  }

  async release(to: Destination, requestId: string, stamp: number): Promise<void> {
    const key = `${to.folder}/${to.stem}${stamp}`;
    if (this.reserved.get(key) === requestId) this.reserved.delete(key);
  }

  async releaseAllBut(requestIds: readonly string[]): Promise<void> {
    for (const [key, holder] of this.reserved) if (!requestIds.includes(holder)) this.reserved.delete(key);
  }

  async areFree({ folder }: Destination, names: readonly string[]): Promise<boolean> {
    return names.every(name => !this.files.has(path.join(folder, name)));
  }

  async create(to: Destination, requestId: string, name: string, compression: Compression): Promise<PendingFile> {
    const place = (stage: HiddenStage) => path.join(to.folder, hiddenName({ owner, requestId }, name, stage));
    if (this.hidden.has(place('part'))) {
      throw new TidemarkError('EXPORT_FAILED', `${name} is being written already; sweep the request first`);
    }
    this.hidden.set(place('part'), new Uint8Array());
    return new MemoryFile({ name, compression, place, shelf: this.hidden, claim: bytes => this.#claim(bytes) });
  }

  async contentOf({ folder }: Destination, name: string): Promise<ContentFacts | null> {
    const content = this.files.get(path.join(folder, name));
    if (content === undefined) return null;
    const hash = new ContentHash();
    hash.add(content);
    return hash.finish();
  }

  async manifestText({ folder }: Destination, name: string): Promise<string | null> {
    const content = this.files.get(path.join(folder, name));
    return content === undefined ? null : Buffer.from(content).toString();
  }

  async publish({ folder }: Destination, requestId: string, names: readonly string[]): Promise<void> {
    const files = names.map(name => {
      const hidden = path.join(folder, hiddenName({ owner, requestId }, name, 'sealed'));
      const final = path.join(folder, name);
      return { hidden, final, sealed: this.hidden.get(hidden), visible: this.files.get(final) };
    });
    const lost = files.find(({ sealed, visible }) => sealed === undefined && visible === undefined);
    if (lost) throw new TidemarkError('EXPORT_FAILED', `no sealed file for ${lost.final}; nothing was published`);
    const taken = files.find(
      ({ sealed, visible }) => sealed !== undefined && visible !== undefined && !Buffer.from(sealed).equals(visible),
    );
    if (taken) throw new TidemarkError('NAME_TAKEN', `${taken.final} belongs to another file; nothing was published`);
    for (const { hidden, final, sealed } of files) {
      if (sealed !== undefined) this.files.set(final, sealed);
      this.hidden.delete(hidden);
    }
  }

  async sweep({ folder }: Destination, requestId: string): Promise<void> {
    const start = path.join(folder, hiddenStart({ owner, requestId }));
    for (const file of this.hidden.keys()) {
      if (file.startsWith(start)) this.hidden.delete(file);
    }
  }

  #claim(bytes: number): void {
    const held = [...this.files.values(), ...this.hidden.values()].reduce((sum, file) => sum + file.length, 0);
    if (held + bytes > this.#capacityBytes) throw new TidemarkError('DISK_FULL', 'the memory export directory is full');
  }
}

interface MemoryFileSettings {
  readonly name: string;
  readonly compression: Compression;
  readonly place: (stage: HiddenStage) => string;
  readonly shelf: Map<string, Uint8Array>;
  readonly claim: (bytes: number) => void;
}

class MemoryFile implements PendingFile {
  readonly name: string;
  readonly #settings: MemoryFileSettings;
  readonly #blocks = new BlockCutter();
  readonly #plain = new ContentHash();
  readonly #packer: Packer;
  readonly #chunks: Uint8Array[] = [];

  constructor(settings: MemoryFileSettings) {
    this.name = settings.name;
    this.#settings = settings;
    this.#packer = createPacker(settings.compression, plainName(settings.name), async packed => {
      settings.claim(packed.length);
      this.#chunks.push(Buffer.from(packed));
      settings.shelf.set(settings.place('part'), Buffer.concat(this.#chunks));
    });
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (const block of this.#blocks.cut(bytes)) {
      this.#plain.add(block);
      await this.#packer.take(block);
    }
  }

  async seal(): Promise<FileFacts> {
    const rest = this.#blocks.rest();
    this.#plain.add(rest);
    await this.#packer.end(rest);
    const content = Buffer.concat(this.#chunks);
    const packed = new ContentHash();
    packed.add(content);
    this.#settings.shelf.set(this.#settings.place('sealed'), content);
    this.#settings.shelf.delete(this.#settings.place('part'));
    return { name: this.name, plain: this.#plain.finish(), packed: packed.finish() };
  }

  async discard(): Promise<void> {
    await this.#packer.abandon();
    this.#settings.shelf.delete(this.#settings.place('part'));
    this.#settings.shelf.delete(this.#settings.place('sealed'));
  }
}
