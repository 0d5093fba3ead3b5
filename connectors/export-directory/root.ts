import { access, constants, lstat, realpath } from 'node:fs/promises';
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
 * Throws `EXPORT_ROOT_GONE` unless the configured path still leads to the folder that was opened. Another folder in its
 * place, such as the one below a disk that was unmounted, must not get its files.
 */
export async function checkRootUnchanged({ configured, path: real, device, inode }: ExportRoot): Promise<void> {
  const [found, stats] = await Promise.all([
    realpath(configured).catch(() => null),
    lstat(real, { bigint: true }).catch(() => null),
  ]);
  if (found === real && stats?.dev === device && stats.ino === inode) return;
  const problem = stats === null ? 'is not there' : 'was replaced by another folder';
  const cure = 'nothing is read or written until it is back; to use what is there now, start Tidemark again';
  throw new TidemarkError('EXPORT_ROOT_GONE', `the export root ${configured} ${problem}; ${cure}`);
}

/** As `checkRootUnchanged`, and throws `NOT_WRITABLE` when this process may not read and write there. */
export async function checkRootUsable(root: ExportRoot): Promise<void> {
  await checkRootUnchanged(root);
  try {
    await access(root.path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw diskFailure(error, `use the export root ${root.configured}`, 'EXPORT_FAILED');
  }
}
