import { stat } from 'node:fs/promises';
import type { EventSource } from '../../pipeline/ports.ts';
import type { BatchLimits } from './batch-limits.ts';
import { readFailure } from './disk.ts';
import { logDirectorySource } from './log-directory-source.ts';
import { ndjsonFileSource, type UnterminatedLine } from './ndjson-file-source.ts';

/** A source opened from a path, with what a person wants to know of it. */
export interface OpenedEventSource extends EventSource {
  /** Bytes on disk now, for progress. */
  totalBytes(): Promise<number>;
  /** The last line that the last reading left; null when there was none, and always for a log. */
  unterminated(): UnterminatedLine | null;
}

/** Opens what lies at `path`: a folder as a log root or log, anything else as NDJSON. Throws `SOURCE_MISSING`. */
export async function openEventSource(path: string, limits: BatchLimits): Promise<OpenedEventSource> {
  const stats = await stat(path).catch((error: unknown) => {
    throw readFailure(error, path);
  });
  if (!stats.isDirectory()) return ndjsonFileSource({ path, ...limits });
  return { ...logDirectorySource({ path, ...limits }), unterminated: () => null };
}
