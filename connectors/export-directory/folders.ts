import { lstat, mkdir, realpath, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import type { Destination } from '../../pipeline/ports.ts';
import { diskFailure, syncFolder } from '../disk.ts';
import { checkRootUnchanged, type ExportRoot } from './root.ts';

/** Why a path of folders is refused; the caller adds the prefix and what is allowed. */
export class FolderRefused extends Error {
  override readonly name = 'FolderRefused';
}

/**
 * The real path of the last of the folders, and the outermost one that does not exist yet, if any. Links are followed when
 * they stay inside the root, missing folders are taken as spelled. Writes nothing. Throws `FolderRefused` for a link that leaves the root and for a file in the path.
 */
export async function findFolder(
  root: ExportRoot,
  folders: readonly string[],
): Promise<Pick<Destination, 'folder' | 'missing'>> {
  let current = root.path;
  for (const [depth, folder] of folders.entries()) {
    const next = path.join(current, folder);
    const stats = await lstatOrNull(next);
    if (stats === null) return { folder: path.join(current, ...folders.slice(depth)), missing: next };
    current = stats.isSymbolicLink() ? await followInside(root, next) : next;
    if (!stats.isSymbolicLink() && !stats.isDirectory()) throw new FolderRefused(`runs through the file ${next}`);
  }
  return { folder: current };
}

async function followInside(root: ExportRoot, link: string): Promise<string> {
  const target = await realpath(link).catch(() => null);
  if (target === null) throw new FolderRefused(`runs through the link ${link}, whose target does not exist`);
  const isInside = target === root.path || target.startsWith(path.join(root.path, '/'));
  if (!isInside) throw new FolderRefused(`leaves the export root through the link ${link}`);
  if (!(await lstat(target)).isDirectory()) throw new FolderRefused(`runs through the link ${link} to a file`);
  return target;
}

/** Makes the missing folders of a resolved path; each name is durable before the next is made. Throws as `hasFolder` does. */
export async function makeFolderInRoot(root: ExportRoot, folder: string): Promise<void> {
  await checkRootUnchanged(root);
  for (const step of foldersDownTo(root, folder)) {
    if (await isPlainFolder(step)) continue;
    try {
      await mkdir(step);
      await syncFolder(path.dirname(step));
    } catch (error) {
      // Another export may have made it in the meantime, which is fine; a link or a file is not.
      if (!hasSystemCode(error, 'EEXIST')) throw diskFailure(error, `make the folder ${step}`, 'EXPORT_FAILED');
      await isPlainFolder(step);
    }
  }
}

/**
 * Removes the folders that were missing when the path was resolved, the innermost first, as far as they are empty and the
 * disk allows it.
 */
export async function removeEmptyFolders(root: ExportRoot, { folder, missing }: Destination): Promise<void> {
  if (missing === undefined) return;
  for (const step of foldersDownTo(root, folder).toReversed()) {
    if (step.length < missing.length) return;
    try {
      await rmdir(step);
      await syncFolder(path.dirname(step));
    } catch (error) {
      if (!hasSystemCode(error, 'ENOENT')) return;
    }
  }
}

/**
 * Whether a resolved folder exists. Throws `PREFIX_REFUSED` when a link or a file has replaced one of its folders since it
 * was resolved, `EXPORT_ROOT_GONE` when the root is another one.
 */
export async function hasFolder(root: ExportRoot, folder: string): Promise<boolean> {
  await checkRootUnchanged(root);
  for (const step of foldersDownTo(root, folder)) {
    if (!(await isPlainFolder(step))) return false;
  }
  return true;
}

/** The paths of all folders from below the root down to `folder`, which is a real path. */
function foldersDownTo(root: ExportRoot, folder: string): string[] {
  const relative = path.relative(root.path, folder);
  const components = relative.split('/').filter(component => component !== '');
  if (path.isAbsolute(relative) || components.includes('..')) {
    throw new TidemarkError('PREFIX_REFUSED', `the folder ${folder} is not in the export root ${root.path}`);
  }
  return components.map((_, depth) => path.join(root.path, ...components.slice(0, depth + 1)));
}

/** False when nothing is there. A resolved path contains no links, so a link was made after the path was resolved. */
async function isPlainFolder(folder: string): Promise<boolean> {
  const stats = await lstatOrNull(folder);
  if (stats === null) return false;
  if (stats.isDirectory()) return true;
  const found = stats.isSymbolicLink() ? 'a link' : 'a file';
  throw new TidemarkError('PREFIX_REFUSED', `${found} has replaced the folder ${folder} of an export`);
}

/** The state of the name itself, without following a link; null when nothing has the name. */
export async function lstatOrNull(file: string) {
  try {
    return await lstat(file, { bigint: true });
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT')) return null;
    throw diskFailure(error, `look at ${file}`, 'EXPORT_FAILED');
  }
}
