import { constants } from 'node:fs';
import { type FileHandle, open, readlink } from 'node:fs/promises';
import path from 'node:path';
import { hasSystemCode } from '../../pipeline/errors.ts';
import type { Destination } from '../../pipeline/ports.ts';
import { hasFolder } from './folders.ts';
import type { ExportRoot } from './root.ts';

/**
 * Opens a published file for reading; null when it is not there any more, or something else stands in its place. No link
 * is followed: not in the name, not on the way, and not one that is put there between our looking and our opening.
 */
export async function openPublished(
  root: ExportRoot,
  { folder }: Destination,
  name: string,
): Promise<FileHandle | null> {
  if (!(await hasFolder(root, folder).catch(() => false))) return null;
  const file = path.join(folder, name);
  // Of a pipe without a writer, opening would wait for one.
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(gone);
  if (handle === null) return null;
  const isOurs = (await handle.stat()).isFile() && (await pathOf(handle, file)) === file;
  if (isOurs) return handle;
  await handle.close();
  return null;
}

function gone(error: unknown): null {
  if (hasSystemCode(error, 'ENOENT', 'ELOOP', 'ENOTDIR', 'EACCES', 'ENXIO')) return null;
  throw error;
}

/** Where an open file really lies, where the system can tell. */
function pathOf(handle: FileHandle, assumed: string): Promise<string> {
  return readlink(`/proc/self/fd/${handle.fd}`).catch(() => assumed);
}
