import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hasSystemCode } from '../../pipeline/errors.ts';
import type { Destination } from '../../pipeline/ports.ts';
import { diskFailure } from '../disk.ts';
import { digest, HIDDEN_START } from './hidden-names.ts';
import { checkRootUnchanged, type ExportRoot } from './root.ts';

const RESERVED_START = `${HIDDEN_START}reserved-`;
const DRAFT_START = `${HIDDEN_START}draft-`;

/** Removes what a request left below the root. */
type Sweep = (destination: Destination, requestId: string) => Promise<void>;

/** The content of a reservation: whose it is, and where the request's files are. Paths are relative to the root. */
interface Claim {
  readonly owner: string;
  readonly request_id: string;
  readonly folder: string;
  readonly missing: string | null;
}

/**
 * Reservations of file names for requests that have not ended: one hidden file each, directly in the export root, where
 * every service that exports to this root finds it. One that stays after its request has ended shows that hidden files of
 * the request may be left, because the root was away or the disk refused to remove them.
 */
export class ReservedNames {
  readonly #root: ExportRoot;
  readonly #owner: string;
  readonly #sweep: Sweep;

  constructor(root: ExportRoot, owner: string, sweep: Sweep) {
    this.#root = root;
    this.#owner = owner;
    this.#sweep = sweep;
  }

  /** As the port's method. */
  async reserve(destination: Destination, requestId: string, stamp: number): Promise<boolean> {
    await checkRootUnchanged(this.#root);
    const reservation = this.#reservation(destination, stamp);
    const claim = this.#claim(destination, requestId);
    const draft = path.join(this.#root.path, `${this.#draftStart}${digest(requestId)}`);
    try {
      // Linked when its content is written, so that a process that dies leaves no reservation without an owner.
      await rm(draft, { force: true });
      await writeFile(draft, claim, { flag: 'wx' });
      await link(draft, reservation);
    } catch (error) {
      // A disk that refuses this file refuses the export's files too, and that failure is recorded with the request.
      return hasSystemCode(error, 'EEXIST') ? (await readOrNull(reservation)) === claim : true;
    } finally {
      await rm(draft, { force: true }).catch(() => undefined);
    }
    await checkRootUnchanged(this.#root).catch(async error => {
      // Another folder took its place meanwhile, which must not keep this file.
      await rm(reservation, { force: true });
      throw error;
    });
    return true;
  }

  /** As the port's method. */
  async release(destination: Destination, requestId: string, stamp: number): Promise<void> {
    await checkRootUnchanged(this.#root);
    const reservation = this.#reservation(destination, stamp);
    if ((await readOrNull(reservation)) === this.#claim(destination, requestId)) await remove(reservation);
  }

  /** As the port's method. */
  async releaseAllBut(requestIds: readonly string[]): Promise<void> {
    await checkRootUnchanged(this.#root);
    const kept = new Set(requestIds);
    for (const name of await readdir(this.#root.path)) {
      const file = path.join(this.#root.path, name);
      if (name.startsWith(this.#draftStart)) await remove(file);
      if (!name.startsWith(RESERVED_START)) continue;
      const claim = decodeClaim(await readOrNull(file));
      if (claim?.owner === this.#owner && !kept.has(claim.request_id)) await this.#giveBack(file, claim);
    }
  }

  /** A reservation of which the folder cannot be swept stays, so that the next call tries again. */
  async #giveBack(file: string, { folder, missing, request_id: requestId }: Claim): Promise<void> {
    const absolute = (relative: string): string => path.join(this.#root.path, relative);
    const made = missing === null ? {} : { missing: absolute(missing) };
    const isSwept = await this.#sweep({ folder: absolute(folder), stem: '', spelled: '', ...made }, requestId).then(
      () => true,
      () => false,
    );
    if (isSwept) await remove(file);
  }

  /** The same for every service, wherever the root is mounted, and for all names that begin with this stem and stamp. */
  #reservation({ folder, stem }: Destination, stamp: number): string {
    const place = this.#relative(folder);
    return path.join(this.#root.path, `${RESERVED_START}${digest(JSON.stringify([place, stem, stamp]))}`);
  }

  #claim({ folder, missing }: Destination, requestId: string): string {
    const claim: Claim = {
      owner: this.#owner,
      request_id: requestId,
      folder: this.#relative(folder),
      missing: missing === undefined ? null : this.#relative(missing),
    };
    return `${JSON.stringify(claim)}\n`;
  }

  #relative(folder: string): string {
    return path.relative(this.#root.path, folder);
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

/** Null for what is no reservation. */
function decodeClaim(text: string | null): Claim | null {
  try {
    const { owner, request_id, folder, missing } = JSON.parse(text ?? '') as Partial<Record<string, unknown>>;
    if (typeof owner !== 'string' || typeof request_id !== 'string' || typeof folder !== 'string') return null;
    return { owner, request_id, folder, missing: typeof missing === 'string' ? missing : null };
  } catch {
    return null;
  }
}

async function remove(file: string): Promise<void> {
  await rm(file, { force: true }).catch(error => {
    throw diskFailure(error, `remove the hidden file ${file}`, 'EXPORT_FAILED');
  });
}
