import { lstat, mkdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import { diskFailure, syncFolder } from '../disk.ts';
import { checkRootUnchanged, type ExportRoot } from './root.ts';

/** Thrown inside this folder's walk; the caller knows the prefix and says the rest. */
export class FolderRefused extends Error {
  override readonly name = 'FolderRefused';
}

/**
 * The real path that the folders lead to, following links that stay inside the root. Writes nothing; what does not
 * exist yet is taken as spelled. Throws `FolderRefused` for a link that leaves the root and for a file in the way.
 */
export async function findFolder(root: ExportRoot, folders: readonly string[]): Promise<string> {
  let current = root.path;
  for (const [depth, folder] of folders.entries()) {
    const next = path.join(current, folder);
    const stats = await lstatOrNull(next);
    if (stats === null) return path.join(current, ...folders.slice(depth));
    current = stats.isSymbolicLink() ? await followInside(root, next) : next;
    if (!stats.isSymbolicLink() && !stats.isDirectory()) throw new FolderRefused(`runs through the file ${next}`);
  }
  return current;
}

async function followInside(root: ExportRoot, link: string): Promise<string> {
  const target = await realpath(link).catch(() => null);
  if (target === null) throw new FolderRefused(`runs through the link ${link}, which leads nowhere`);
  const isInside = target === root.path || target.startsWith(path.join(root.path, '/'));
  if (!isInside) throw new FolderRefused(`leaves the export root through the link ${link}`);
  if (!(await lstat(target)).isDirectory()) throw new FolderRefused(`runs through the link ${link} to a file`);
  return target;
}

/** Makes what is missing of a resolved folder, each made name durable before the next. Throws as `hasFolder`. */
export async function makeFolder(root: ExportRoot, folder: string): Promise<void> {
  await checkRootUnchanged(root);
  for (const step of steps(root, folder)) {
    if (await isPlainFolder(step)) continue;
    try {
      await mkdir(step);
      await syncFolder(path.dirname(step));
    } catch (error) {
      // Another export may have made it in the meantime, and then it is as good; a link is not.
      if (!hasSystemCode(error, 'EEXIST')) throw diskFailure(error, `make the folder ${step}`, 'EXPORT_FAILED');
      await isPlainFolder(step);
    }
  }
}

/**
 * Tells whether a resolved folder exists, with no link on the way that was put there since it was resolved.
 * Throws `PREFIX_REFUSED` when there is one, a file is in the way, or the root is no longer the one opened.
 */
export async function hasFolder(root: ExportRoot, folder: string): Promise<boolean> {
  await checkRootUnchanged(root);
  for (const step of steps(root, folder)) {
    if (!(await isPlainFolder(step))) return false;
  }
  return true;
}

/** Every folder from just below the root down to `folder`, which is a real path. */
function steps(root: ExportRoot, folder: string): string[] {
  const relative = path.relative(root.path, folder);
  const components = relative.split('/').filter(component => component !== '');
  if (path.isAbsolute(relative) || components.includes('..')) {
    throw new TidemarkError('PREFIX_REFUSED', `the folder ${folder} does not lie in the export root ${root.path}`);
  }
  return components.map((_, depth) => path.join(root.path, ...components.slice(0, depth + 1)));
}

/** False when nothing is there. A resolved path has no links, so one found now was put there since. */
async function isPlainFolder(folder: string): Promise<boolean> {
  const stats = await lstatOrNull(folder);
  if (stats === null) return false;
  if (stats.isDirectory()) return true;
  const found = stats.isSymbolicLink() ? 'a link' : 'a file';
  throw new TidemarkError('PREFIX_REFUSED', `${found} has taken the place of the folder ${folder} of an export`);
}

/** The state of the name itself, a link not followed; null when nothing has it. */
export async function lstatOrNull(file: string) {
  try {
    return await lstat(file, { bigint: true });
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT')) return null;
    throw diskFailure(error, `look at ${file}`, 'EXPORT_FAILED');
  }
}
