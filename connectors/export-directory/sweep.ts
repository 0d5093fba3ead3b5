import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { diskFailure, syncFolder } from '../disk.ts';
import { lstatOrNull } from './folders.ts';
import { hiddenStart } from './hidden-names.ts';

/**
 * Takes away the hidden files of one request. Where publishing was cut off with some names given and others not, those
 * given are taken back too: no half set is left behind. A set whose names all stand is published, and stays.
 */
export async function sweepFolder(folder: string, requestId: string): Promise<void> {
  const start = hiddenStart(requestId);
  try {
    const names = await readdir(folder);
    const hidden = names.filter(name => name.startsWith(start)).map(name => path.join(folder, name));
    if (hidden.length === 0) return;
    const visible = names.filter(name => !name.startsWith(start)).map(name => path.join(folder, name));
    const given = await namesGiven(hidden, visible);
    if (given.length < hidden.length) for (const final of given) await rm(final);
    for (const file of hidden) await rm(file, { force: true });
    await syncFolder(folder);
  } catch (error) {
    throw diskFailure(error, `take hidden files away from ${folder}`, 'EXPORT_FAILED');
  }
}

/** The visible names that are second links to hidden files. The folder is searched only when there can be any. */
async function namesGiven(hidden: readonly string[], visible: readonly string[]): Promise<string[]> {
  const inodes = new Set<string>();
  for (const file of hidden) {
    const stats = await lstatOrNull(file);
    if (stats !== null && stats.nlink > 1n) inodes.add(`${stats.dev} ${stats.ino}`);
  }
  const given: string[] = [];
  for (const file of inodes.size > 0 ? visible : []) {
    const stats = await lstatOrNull(file);
    if (stats !== null && inodes.has(`${stats.dev} ${stats.ino}`)) given.push(file);
  }
  return given;
}
