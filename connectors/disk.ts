import { type FileHandle, mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { hasSystemCode, TidemarkError } from '../pipeline/errors.ts';

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

/** Makes a folder and what is missing above it, all of them durable. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  const known = path.dirname(path.resolve(first ?? folder));
  for (let made = path.resolve(folder); made !== known; made = path.dirname(made)) await syncFolder(path.dirname(made));
}

/** Says in our words why a write failed: `DISK_FULL`, else `NOT_WRITABLE`. `attempt` reads on from "could not". */
export function writeFailure(error: unknown, attempt: string): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (hasSystemCode(error, 'ENOSPC', 'EDQUOT')) {
    return new TidemarkError('DISK_FULL', `could not ${attempt}: no space is left (${reason})`, { cause: error });
  }
  return new TidemarkError('NOT_WRITABLE', `could not ${attempt}: ${reason}`, { cause: error });
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
