import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hasSystemCode } from '../../pipeline/errors.ts';
import type { Destination } from '../../pipeline/ports.ts';
import { diskFailure } from '../disk.ts';
import { digest, HIDDEN_START } from './hidden-names.ts';
import { checkRootUnchanged, type ExportRoot } from './root.ts';

const RESERVED_START = `${HIDDEN_START}reserved-`;
const DRAFT_START = `${HIDDEN_START}draft-`;

/**
 * Reservations of file names for requests that have not ended: one hidden file each, directly in the export root, where
 * every service that exports to this root finds it. It holds its owner and the request id.
 */
export class ReservedNames {
  readonly #root: ExportRoot;
  readonly #owner: string;

  constructor(root: ExportRoot, owner: string) {
    this.#root = root;
    this.#owner = owner;
  }

  /** As the port's method. */
  async reserve(destination: Destination, requestId: string, stamp: number): Promise<boolean> {
    await checkRootUnchanged(this.#root);
    const reservation = this.#reservation(destination, stamp);
    const claim = this.#claim(requestId);
    const draft = path.join(this.#root.path, `${this.#draftStart}${digest(requestId)}`);
    try {
      // Linked when its content is written, so that a process that dies leaves no reservation without an owner.
      await rm(draft, { force: true });
      await writeFile(draft, claim, { flag: 'wx' });
      await link(draft, reservation);
      return true;
    } catch (error) {
      // A disk that refuses this file refuses the export's files too, and that failure is recorded with the request.
      return hasSystemCode(error, 'EEXIST') ? (await readOrNull(reservation)) === claim : true;
    } finally {
      await rm(draft, { force: true }).catch(() => undefined);
    }
  }

  /** As the port's method. */
  async release(destination: Destination, requestId: string, stamp: number): Promise<void> {
    await checkRootUnchanged(this.#root);
    const reservation = this.#reservation(destination, stamp);
    if ((await readOrNull(reservation)) === this.#claim(requestId)) await remove(reservation);
  }

  /** As the port's method. */
  async releaseAllBut(requestIds: readonly string[]): Promise<void> {
    const kept = new Set(requestIds.map(id => this.#claim(id)));
    for (const name of await readdir(this.#root.path)) {
      const file = path.join(this.#root.path, name);
      if (name.startsWith(this.#draftStart)) await remove(file);
      if (!name.startsWith(RESERVED_START)) continue;
      const claim = await readOrNull(file);
      if (claim?.startsWith(`${this.#owner}\n`) && !kept.has(claim)) await remove(file);
    }
  }

  /** The same for every service, wherever the root is mounted, and for all names that begin with this stem and stamp. */
  #reservation({ folder, stem }: Destination, stamp: number): string {
    const place = path.relative(this.#root.path, folder);
    return path.join(this.#root.path, `${RESERVED_START}${digest(JSON.stringify([place, stem, stamp]))}`);
  }

  /** The content of a reservation. */
  #claim(requestId: string): string {
    return `${this.#owner}\n${requestId}\n`;
  }

  get #draftStart(): string {
    return `${DRAFT_START}${digest(this.#owner)}-`;
  }
}

/** Null when the file is gone, or belongs to a service of another user, who lets nobody else read it. */
async function readOrNull(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT', 'EACCES', 'EPERM')) return null;
    throw diskFailure(error, `read the reservation ${file}`, 'EXPORT_FAILED');
  }
}

async function remove(file: string): Promise<void> {
  await rm(file, { force: true }).catch(error => {
    throw diskFailure(error, `remove the hidden file ${file}`, 'EXPORT_FAILED');
  });
}
