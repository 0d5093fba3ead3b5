import { statSync } from 'node:fs';
import { logDirectorySource } from '../../connectors/log-files/log-directory-source.ts';
import { ndjsonFileSource, type UnterminatedLine } from '../../connectors/log-files/ndjson-file-source.ts';
import { standardInputSource } from '../../connectors/log-files/standard-input-source.ts';
import { hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import type { GivenSource } from '../../pipeline/ingest/given-sources.ts';
import { ShrinkingSource } from '../../pipeline/ingest/shrinking-source.ts';
import type { EventSource } from '../../pipeline/ports.ts';
import type { Config } from '../settings/settings.ts';

/** A source, with its size and incomplete last line for messages to the user. */
export interface NamedSource extends GivenSource {
  /** Null where the size cannot be known. */
  totalBytes(): Promise<number | null>;
  /** A last line without a line end that was left for the next run; null where there was none. */
  unterminated(): UnterminatedLine | null;
  /** As `shrink` of `IngestOptions`. */
  shrink(): EventSource | null;
  close?(): Promise<void>;
}

/** The source of a path of the command line; nothing is read yet. Throws `SOURCE_MISSING`. */
export function openSource(path: string, config: Config): NamedSource {
  const limits = { batchRecords: config.batch_records, batchBytes: config.batch_bytes };
  const ofLogs = { ...limits, onLostRecords: config.kafka_on_lost_records };
  if (path === '-') {
    const source = standardInputSource({ input: process.stdin, logRoot: `${config.db}.log`, ...ofLogs });
    const { partitions, close, isUnfinished } = source;
    const base = { path, kind: 'file' as const, source, partitions, close, isUnfinished };
    // What was read of it cannot be read again from the beginning.
    return { ...base, totalBytes: async () => null, unterminated: () => null, shrink: () => null };
  }
  if (isDirectory(path)) {
    const source = new ShrinkingSource(limits, smaller =>
      logDirectorySource({ path, kind: 'folder', ...ofLogs, ...smaller }),
    );
    const { partitions, totalBytes } = source.current;
    const whole = { unterminated: () => null, isUnfinished: () => false };
    const shrink = () => source.shrink();
    return { path, kind: 'folder', source: source.current, partitions, totalBytes, ...whole, shrink };
  }
  const source = new ShrinkingSource(limits, smaller => ndjsonFileSource({ path, ...smaller }));
  const { partitions, totalBytes } = source.current;
  const unterminated = () => source.current.unterminated();
  const isUnfinished = (): boolean => unterminated() !== null;
  const shrink = () => source.shrink();
  return { path, kind: 'file', source: source.current, partitions, totalBytes, unterminated, isUnfinished, shrink };
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (cause) {
    if (!hasSystemCode(cause, 'ENOENT', 'ENOTDIR')) throw cause;
    throw new TidemarkError(
      'SOURCE_MISSING',
      `there is no ${path}; allowed are files, log folders, and - for standard input`,
      { cause },
    );
  }
}
