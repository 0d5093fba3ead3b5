import { type FileHandle, open, stat } from 'node:fs/promises';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { readAt, readFailure } from '../../disk.ts';
import { gunzipChunks } from './gunzip-chunks.ts';

const CHUNK_BYTES = 256 * 1024;
/** Smaller than a plain chunk: unpacked it may be a thousand times as large, and it is held in memory. */
const PACKED_CHUNK_BYTES = 32 * 1024;

/** The unpacked content of a file up to the size it had when it was opened. Bytes appended later are for the next run. */
export interface FileContent {
  /** Each call begins at the start of the file. Throws `SOURCE_CORRUPT` when it cannot be read or unpacked to its end. */
  chunks(): AsyncGenerator<Buffer>;
  /** How many bytes on disk hold the first `unpacked` bytes; for a packed file the bytes read so far, an approximation. */
  diskBytes(unpacked: number): number;
  close(): Promise<void>;
}

/** Size of a file on disk in bytes. Throws `SOURCE_MISSING` when the path is missing or no regular file. */
export async function fileBytes(path: string): Promise<number> {
  const stats = await stat(path).catch((error: unknown) => {
    throw readFailure(error, path);
  });
  if (stats.isFile()) return stats.size;
  const allowed = 'allowed are an NDJSON file, plain or gzip, and a log folder; a pipe is read as standard input';
  throw new TidemarkError('SOURCE_MISSING', `${path} is not a regular file; ${allowed}`);
}

/** Opens a plain or gzip file; its first bytes decide which it is, not its name. Throws `SOURCE_MISSING`. */
export async function openContent(path: string): Promise<FileContent> {
  // Checked first: opening a named pipe would wait until another process opens it for writing.
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
