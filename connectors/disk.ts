import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import path from 'node:path';
import { type FailureCode, hasSystemCode, TidemarkError } from '../pipeline/errors.ts';

/** Reads `bytes` bytes from `position` into new memory; returns fewer only at the end of the file. */
export async function readAt(handle: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await handle.read(buffer, filled, bytes - filled, position + filled);
    if (bytesRead === 0) return buffer.subarray(0, filled);
    filled += bytesRead;
  }
  return buffer;
}

/** Writes all bytes at `position`; after a partial write it writes the rest. */
export async function writeAt(handle: FileHandle, position: number, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    written += (await handle.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
  }
}

/** Makes new and removed names in a folder durable. Without it a power cut may lose the name of a file whose content is synced. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes a folder and the missing folders above it, and returns those that it made, the outermost first. Node's recursive
 * mkdir is not used: it never ends where a file system reports "no such folder" inside an existing folder, as /proc does.
 * Throws the system's error; `EEXIST` where a file or a link to nowhere has the name.
 */
export async function makeFolder(folder: string): Promise<readonly string[]> {
  const absolute = path.resolve(folder);
  const parent = path.dirname(absolute);
  try {
    return await makeOneFolder(absolute);
  } catch (error) {
    if (!hasSystemCode(error, 'ENOENT') || parent === absolute) throw error;
    return [...(await makeFolder(parent)), ...(await makeOneFolder(absolute))];
  }
}

async function makeOneFolder(folder: string): Promise<readonly string[]> {
  try {
    await mkdir(folder);
    return [folder];
  } catch (error) {
    const stats = hasSystemCode(error, 'EEXIST') ? await stat(folder).catch(() => null) : null;
    if (stats?.isDirectory()) return [];
    throw error;
  }
}

/** As `makeFolder`, and each new name survives a loss of power, for which the folder above it must be readable. */
export async function makeDurableFolder(folder: string): Promise<void> {
  for (const made of await makeFolder(folder)) await syncFolder(path.dirname(made));
}

/**
 * Turns an error of the file system into a TidemarkError and keeps it as the cause. `attempt` completes "could not …" and
 * names the path. A full disk is `DISK_FULL`, a missing permission `NOT_WRITABLE`, anything else `otherwise`. A
 * TidemarkError is returned unchanged.
 */
export function diskFailure(error: unknown, attempt: string, otherwise: FailureCode): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const cause = { cause: error };
  const reason = error instanceof Error ? error.message : String(error);
  if (hasSystemCode(error, 'ENOSPC', 'EDQUOT')) {
    return new TidemarkError('DISK_FULL', `could not ${attempt}: no space is left on the disk (${reason})`, cause);
  }
  if (hasSystemCode(error, 'EACCES', 'EROFS', 'EPERM')) {
    const needed = 'this process needs permission to write there';
    return new TidemarkError('NOT_WRITABLE', `could not ${attempt}: ${needed} (${reason})`, cause);
  }
  return new TidemarkError(otherwise, `could not ${attempt}: ${reason}`, cause);
}

/**
 * Turns a failed read into a TidemarkError: `SOURCE_MISSING` when nothing readable is at the path or permission is missing;
 * `SOURCE_UNREACHABLE` for what passes, such as too many open files; else `SOURCE_CORRUPT`. A TidemarkError is returned
 * unchanged.
 */
export function readFailure(error: unknown, path: string): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (hasSystemCode(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG')) {
    return new TidemarkError('SOURCE_MISSING', `could not open ${path}: ${reason}`, { cause: error });
  }
  if (hasSystemCode(error, 'EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'ESTALE')) {
    return new TidemarkError('SOURCE_UNREACHABLE', `could not read ${path} now: ${reason}`, { cause: error });
  }
  return new TidemarkError('SOURCE_CORRUPT', `could not read ${path}: ${reason}`, { cause: error });
}
