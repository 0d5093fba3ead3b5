import { constants } from 'node:fs';
import { type FileHandle, open, readlink } from 'node:fs/promises';
import path from 'node:path';
import { codeOf, hasSystemCode } from '../../pipeline/errors.ts';
import type { Destination } from '../../pipeline/ports.ts';
import { hasFolder } from './folders.ts';
import type { ExportRoot } from './root.ts';

/**
 * Opens a published file for reading. Throws `EXPORT_ROOT_GONE`. Null when it does not exist any more or something else has its name. No link is
 * followed, neither the file itself nor one of its folders, also when the link is made between the check and the opening.
 */
export async function openPublished(
  root: ExportRoot,
  { folder }: Destination,
  name: string,
): Promise<FileHandle | null> {
  if (!(await hasFolder(root, folder).catch(falseIfRefused))) return null;
  const file = path.join(folder, name);
  // O_NONBLOCK: opening a named pipe would wait until another process opens it for writing.
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    nullIfMissing,
  );
  if (handle === null) return null;
  const isPublished = (await handle.stat()).isFile() && (await realPath(handle, file)) === file;
  if (isPublished) return handle;
  await handle.close();
  return null;
}

function falseIfRefused(error: unknown): false {
  if (codeOf(error) === 'EXPORT_ROOT_GONE') throw error;
  return false;
}

function nullIfMissing(error: unknown): null {
  if (hasSystemCode(error, 'ENOENT', 'ELOOP', 'ENOTDIR', 'EACCES', 'ENXIO')) return null;
  throw error;
}

/** The real path of an open file; `assumed` where the system does not report it. */
function realPath(handle: FileHandle, assumed: string): Promise<string> {
  return readlink(`/proc/self/fd/${handle.fd}`).catch(() => assumed);
}
