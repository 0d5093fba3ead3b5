import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import { hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import { diskFailure, makeFolder } from '../disk.ts';

/** The export root as it was when it was opened. Another folder that later has the same path is not used. */
export interface ExportRoot {
  /** Absolute path as configured. It may contain links, which the operator chose. */
  readonly configured: string;
  /** Absolute real path, without links. */
  readonly path: string;
  readonly device: bigint;
  readonly inode: bigint;
}

/**
 * Opens the root; with `create` it is made when it is missing. Throws `NOT_WRITABLE` when it is missing, is no folder, or
 * cannot be made.
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
    const problem = `the export root ${JSON.stringify(root)} does not exist or is not a folder; make it, or configure another`;
    throw new TidemarkError('NOT_WRITABLE', problem, { cause: error });
  }
}

/**
 * Throws `PREFIX_REFUSED` unless the root is still the folder that was opened. A link in its place would lead files to
 * another folder.
 */
export async function checkRootUnchanged(root: ExportRoot): Promise<void> {
  const [real, stats] = await Promise.all([
    realpath(root.path).catch(() => null),
    lstat(root.path, { bigint: true }).catch(() => null),
  ]);
  if (real === root.path && stats?.dev === root.device && stats.ino === root.inode) return;
  const allowed = 'nothing is read or written there until the service is restarted';
  throw new TidemarkError('PREFIX_REFUSED', `the export root ${root.path} was replaced or removed; ${allowed}`);
}
