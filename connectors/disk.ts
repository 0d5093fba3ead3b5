import { type FileHandle, mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { type FailureCode, hasSystemCode, TidemarkError } from '../pipeline/errors.ts';

/** Up to `bytes` bytes from `position`, in memory that nobody else uses; fewer only at the end of the file. */
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

/** Writes all bytes at `position`; a short write is continued. */
export async function writeAt(handle: FileHandle, position: number, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    written += (await handle.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
  }
}

/** Makes names given in a folder durable: the content's fsync alone would not bring a new file back after a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes a folder and those missing above it, each durable before the next. Node's own recursive mkdir never ends where a
 * file system answers "no such folder" below a folder that is there, as /proc does. Throws the system's error.
 */
export async function makeFolder(folder: string): Promise<void> {
  const parent = path.dirname(path.resolve(folder));
  try {
    await makeOneFolder(folder, parent);
  } catch (error) {
    if (!hasSystemCode(error, 'ENOENT') || parent === path.resolve(folder)) throw error;
    await makeFolder(parent);
    await makeOneFolder(folder, parent);
  }
}

async function makeOneFolder(folder: string, parent: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if (hasSystemCode(error, 'EEXIST')) return;
    throw error;
  }
  await syncFolder(parent);
}

/**
 * Semaphore what the file system refused into an error with a code, keeping the cause. `attempt` completes "could not …" and
 * names the path. A full disk is `DISK_FULL`, a missing right `NOT_WRITABLE`, anything else `otherwise`; a TidemarkError
 * passes unchanged.
 */
export function diskFailure(error: unknown, attempt: string, otherwise: FailureCode): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const cause = { cause: error };
  const reason = error instanceof Error ? error.message : String(error);
  if (hasSystemCode(error, 'ENOSPC', 'EDQUOT')) {
    return new TidemarkError('DISK_FULL', `could not ${attempt}: no space is left on the disk (${reason})`, cause);
  }
  if (hasSystemCode(error, 'EACCES', 'EROFS', 'EPERM')) {
    const needed = 'this process needs the right to write there';
    return new TidemarkError('NOT_WRITABLE', `could not ${attempt}: ${needed} (${reason})`, cause);
  }
  return new TidemarkError(otherwise, `could not ${attempt}: ${reason}`, cause);
}

/** Says in our words why reading failed: `SOURCE_MISSING` when it is not there or not ours to read, else `SOURCE_CORRUPT`. */
export function readFailure(error: unknown, path: string): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (hasSystemCode(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG')) {
    return new TidemarkError('SOURCE_MISSING', `could not open ${path}: ${reason}`, { cause: error });
  }
  return new TidemarkError('SOURCE_CORRUPT', `could not read ${path}: ${reason}`, { cause: error });
}
