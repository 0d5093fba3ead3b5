import { createHash } from 'node:crypto';
import type { BatchLimits, EventSource, RecordBatch, StoredPosition } from '../../pipeline/ports.ts';
import { ConsumedLines } from './lines/consumed-lines.ts';
import { ConsumedPrefix } from './lines/consumed-prefix.ts';
import { type FileContent, fileBytes, openContent } from './lines/file-content.ts';
import { readHead } from './lines/file-head.ts';
import { findFileStart } from './lines/file-start.ts';
import { isCompleteJson } from './lines/last-line.ts';
import { byteOrderMarkBytes, LineBlocks, lineValue } from './lines/lines.ts';

interface NdjsonFileOptions extends BatchLimits {
  /** A file of lines, plain or gzip (told by its first bytes, not its name). */
  readonly path: string;
}

/** A last line that was left for later: it has no LF and is no whole JSON text, so a writer may be in the middle of it. */
export interface UnterminatedLine {
  readonly path: string;
  /** Its length. */
  readonly bytes: number;
  /** Its zero-based number. */
  readonly offset: number;
}

/** A source that also tells how far a reading came, and how far it can come. */
interface NdjsonFileSource extends EventSource {
  /** What the last reading left at the end of the file; null when nothing was left. */
  unterminated(): UnterminatedLine | null;
  /**
   * Bytes of the file on disk now. The `bytesRead` of a reading come to this (what was consumed before is read again to
   * be compared, and counts in the first batch). Throws `SOURCE_MISSING`.
   */
  totalBytes(): Promise<number>;
}

/**
 * Reads a file of lines as one partition: a record's offset is its zero-based line number, its value the line; it has no
 * timestamp and no key. The file is known by how it begins, so that renamed or packed it adds nothing, and grown its
 * tail. Throws `SOURCE_MISSING`; `SOURCE_CHANGED` when what was consumed is no longer there; `SOURCE_CORRUPT` for an
 * archive that cannot be unpacked to its end, after all its whole lines, or a line longer than `maxLineBytes`.
 */
export function ndjsonFileSource(options: NdjsonFileOptions): NdjsonFileSource {
  let left: UnterminatedLine | null = null;
  const leave = (line: UnterminatedLine | null): void => {
    left = line;
  };
  return {
    read: (stored, signal) => readFile({ options, stored, signal, leave }),
    unterminated: () => left,
    totalBytes: () => fileBytes(options.path),
  };
}

interface Reading {
  readonly options: NdjsonFileOptions;
  readonly stored: readonly StoredPosition[];
  readonly signal: AbortSignal;
  leave(line: UnterminatedLine | null): void;
}

async function* readFile(reading: Reading): AsyncGenerator<RecordBatch> {
  reading.leave(null);
  if (reading.signal.aborted) return;
  const content = await openContent(reading.options.path);
  try {
    for await (const batch of readLines(reading, content)) {
      if (reading.signal.aborted) return;
      yield batch;
    }
  } finally {
    await content.close();
  }
}

async function* readLines(reading: Reading, content: FileContent): AsyncGenerator<RecordBatch> {
  const { options, stored, signal } = reading;
  const { path } = options;
  const head = await readHead(content);
  const start = findFileStart(path, head, stored);
  const hash = createHash('sha256');
  const prefix = new ConsumedPrefix({ path, consumed: start.consumed, hash });
  const diskBytes = (unpacked: number) => content.diskBytes(unpacked);
  const lines = new ConsumedLines({ origin: path, limits: options, start, hash, diskBytes });
  const blocks = new LineBlocks(() => `line ${lines.nextLine + 1} of ${path}`);
  let failure: unknown = null;
  try {
    for await (const chunk of content.chunks()) {
      if (signal.aborted) return;
      for (const block of blocks.push(prefix.pass(chunk))) yield* lines.add(block, prefix.lineEndBytes(block));
    }
    prefix.finish();
    yield* addLastLine(reading, lines, { rest: blocks.rest(), prefix });
    lines.checkEnd();
  } catch (error) {
    failure = error;
  }
  // Whole lines before a failure are good, and however often they are read, the same records come of them.
  const rest = lines.finish();
  if (rest !== null) yield rest;
  if (failure !== null) throw failure;
}

interface FileEnd {
  readonly rest: Buffer;
  readonly prefix: ConsumedPrefix;
}

function* addLastLine({ options, leave }: Reading, lines: ConsumedLines, end: FileEnd): Generator<RecordBatch> {
  const { rest } = end;
  const from = end.prefix.lineEndBytes(rest) || (lines.isAtStart ? byteOrderMarkBytes(rest) : 0);
  const value = lineValue(rest, from, rest.length);
  if (value === null) return;
  if (isCompleteJson(value)) yield* lines.add(rest, 0);
  else leave({ path: options.path, bytes: rest.length, offset: lines.nextLine });
}
