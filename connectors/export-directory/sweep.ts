import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { hasSystemCode } from '../../pipeline/errors.ts';
import { diskFailure, syncFolder } from '../disk.ts';
import { lstatOrNull } from './folders.ts';
import { hiddenStart, type OwnedRequest } from './hidden-names.ts';

/**
 * Removes the hidden files of one request. When publishing stopped after some names were linked and others were not, the
 * linked names are removed too, so that no partial set stays. A set whose names are all linked is published, and stays.
 * Throws `NOT_WRITABLE`, or `EXPORT_FAILED` when the disk refuses otherwise.
 */
export async function sweepFolder(folder: string, request: OwnedRequest): Promise<void> {
  const start = hiddenStart(request);
  try {
    const names = await readdir(folder).catch(emptyIfMissing);
    const hidden = names.filter(name => name.startsWith(start)).map(name => path.join(folder, name));
    if (hidden.length === 0) return;
    const visible = names.filter(name => !name.startsWith(start)).map(name => path.join(folder, name));
    const linked = await linkedNames(hidden, visible);
    if (linked.length < hidden.length) for (const final of linked) await rm(final);
    for (const file of hidden) await rm(file, { force: true });
    await syncFolder(folder).catch(emptyIfMissing);
  } catch (error) {
    throw diskFailure(error, `remove hidden files from ${folder}`, 'EXPORT_FAILED');
  }
}

/** Another request may remove the folder meanwhile, when it is empty. */
function emptyIfMissing(error: unknown): readonly string[] {
  if (hasSystemCode(error, 'ENOENT')) return [];
  throw error;
}

/** The visible files that are second links to hidden files. The folder is searched only when a hidden file has two links. */
async function linkedNames(hidden: readonly string[], visible: readonly string[]): Promise<string[]> {
  const inodes = new Set<string>();
  for (const file of hidden) {
    const stats = await lstatOrNull(file);
    if (stats !== null && stats.nlink > 1n) inodes.add(`${stats.dev} ${stats.ino}`);
  }
  const linked: string[] = [];
  for (const file of inodes.size > 0 ? visible : []) {
    const stats = await lstatOrNull(file);
    if (stats !== null && inodes.has(`${stats.dev} ${stats.ino}`)) linked.push(file);
  }
  return linked;
}
