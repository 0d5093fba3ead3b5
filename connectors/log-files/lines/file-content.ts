import { type FileHandle, open, stat } from 'node:fs/promises';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { readAt, readFailure } from '../../disk.ts';
import { gunzipChunks } from './gunzip-chunks.ts';

const CHUNK_BYTES = 256 * 1024;
/** Unpacked, this may become a thousand times as much, and is held in memory. */
const PACKED_CHUNK_BYTES = 32 * 1024;

/** A file's unpacked content as it was when opened; what is appended meanwhile is for the next reading. */
export interface FileContent {
  /** From the beginning, each time it is called. Throws `SOURCE_CORRUPT` when it cannot be read or unpacked to its end. */
  chunks(): AsyncGenerator<Buffer>;
  /** Bytes on disk that the first `unpacked` bytes were made of; for a packed file roughly, by how far it was read. */
  diskBytes(unpacked: number): number;
  close(): Promise<void>;
}

/** Bytes of a file on disk. Throws `SOURCE_MISSING` when there is none, or what is there cannot be read as one. */
export async function fileBytes(path: string): Promise<number> {
  const stats = await stat(path).catch((error: unknown) => {
    throw readFailure(error, path);
  });
  if (stats.isFile()) return stats.size;
  const allowed = 'an NDJSON file, plain or gzip, or an event log folder is allowed; a pipe is read as standard input';
  throw new TidemarkError('SOURCE_MISSING', `${path} is no file; ${allowed}`);
}

/** Opens a plain or gzip file, told apart by how it begins, not by its name. Throws `SOURCE_MISSING`. */
export async function openContent(path: string): Promise<FileContent> {
  // Asked first: opening a named pipe would wait for whoever writes into it.
  const size = await fileBytes(path);
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw readFailure(error, path);
  });
  try {
    const isPacked = (await readAt(handle, 0, 2)).equals(Buffer.from([0x1f, 0x8b]));
    const file = { path, handle, size, isPacked, progress: { read: 0 } };
    return {
      chunks: () => readChunks(file),
      diskBytes: unpacked => (isPacked ? file.progress.read : unpacked),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw readFailure(error, path);
  }
}

interface OpenedFile {
  readonly path: string;
  readonly handle: FileHandle;
  readonly size: number;
  readonly isPacked: boolean;
  readonly progress: { read: number };
}

async function* readChunks(file: OpenedFile): AsyncGenerator<Buffer> {
  const { path, isPacked } = file;
  try {
    if (isPacked) yield* gunzipChunks(rawChunks(file, PACKED_CHUNK_BYTES));
    else yield* rawChunks(file, CHUNK_BYTES);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const problem = isPacked ? 'could not be unpacked to its end' : 'could not be read';
    throw new TidemarkError('SOURCE_CORRUPT', `${path} ${problem}: ${reason}`, { cause: error });
  }
}

async function* rawChunks({ handle, size, progress }: OpenedFile, chunkBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < size; ) {
    const chunk = await readAt(handle, at, Math.min(chunkBytes, size - at));
    if (chunk.length === 0) return;
    at += chunk.length;
    progress.read = at;
    yield chunk;
  }
}
