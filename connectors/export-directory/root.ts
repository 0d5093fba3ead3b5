import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import { hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import { diskFailure, makeFolder } from '../disk.ts';

/** The export root as it was when it was opened. A folder that later stands under the same path is not trusted. */
export interface ExportRoot {
  /** Absolute path as configured; may itself run through links, which the operator chose. */
  readonly configured: string;
  /** Absolute real path, without links. */
  readonly path: string;
  readonly device: bigint;
  readonly inode: bigint;
}

/**
 * Opens the root, making it first where `create` is set.
 * Throws `NOT_WRITABLE` when it is missing, no folder, or cannot be made.
 */
export async function openRoot(root: string, create: boolean): Promise<ExportRoot> {
  const configured = path.resolve(root);
  try {
    if (create) await makeFolder(configured);
    const real = await realpath(configured);
    const stats = await lstat(real, { bigint: true });
    if (!stats.isDirectory()) {
      throw new TidemarkError('NOT_WRITABLE', `the export root ${JSON.stringify(root)} is a file; a folder is needed`);
    }
    return { configured, path: real, device: stats.dev, inode: stats.ino };
  } catch (error) {
    if (!hasSystemCode(error, 'ENOENT', 'ENOTDIR', 'EEXIST'))
      throw diskFailure(error, `open the export root ${root}`, 'EXPORT_FAILED');
    const problem = `the export root ${JSON.stringify(root)} is not there or no folder; make it, or configure another`;
    throw new TidemarkError('NOT_WRITABLE', problem, { cause: error });
  }
}

/**
 * Makes sure that the root is still the folder that was opened: a link put in its place would carry files elsewhere.
 * Throws `PREFIX_REFUSED` when it is not.
 */
export async function checkRootUnchanged(root: ExportRoot): Promise<void> {
  const [real, stats] = await Promise.all([
    realpath(root.path).catch(() => null),
    lstat(root.path, { bigint: true }).catch(() => null),
  ]);
  if (real === root.path && stats?.dev === root.device && stats.ino === root.inode) return;
  const allowed = 'nothing is read or written there until the service is started again';
  throw new TidemarkError('PREFIX_REFUSED', `the export root ${root.path} was replaced or removed; ${allowed}`);
}
