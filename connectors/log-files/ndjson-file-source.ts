import { createHash } from 'node:crypto';
import type { BatchLimits, EventSource, PartitionId, RecordBatch, StoredPosition } from '../../pipeline/ports.ts';
import { ConsumedLines } from './lines/consumed-lines.ts';
import { ConsumedPrefix } from './lines/consumed-prefix.ts';
import { type FileContent, fileBytes, openContent } from './lines/file-content.ts';
import { readHead } from './lines/file-head.ts';
import { findFileStart } from './lines/file-start.ts';
import { byteOrderMarkBytes, isCompleteJson, LineBlocks, lineValue } from './lines/lines.ts';

interface NdjsonFileOptions extends BatchLimits {
  /** A file of lines, plain or gzip; its first bytes decide which, not its name. */
  readonly path: string;
  /** Lines from this number on are not read; absent: the file is read to its end. */
  readonly until?: number;
}

/** A last line that was not read: it has no LF and is no complete JSON text, so its writer may not have finished it. */
export interface UnterminatedLine {
  readonly path: string;
  /** Length of the line. */
  readonly bytes: number;
  /** Zero-based number of the line. */
  readonly offset: number;
}

/** A source of known size that reports an incomplete last line. */
interface NdjsonFileSource extends EventSource {
  /** The incomplete line that the last `read` left at the end of the file; null when there was none. */
  unterminated(): UnterminatedLine | null;
  /**
   * Bytes of the file on disk now. The `bytesRead` of all batches add up to this: the bytes consumed by earlier runs are read
   * again to compare them, and count in the first batch. Throws `SOURCE_MISSING`.
   */
  totalBytes(): Promise<number>;
  /** Its partition, known before a record is read; none while the file has no whole line. Throws as `read` does. */
  partitions(stored: readonly StoredPosition[]): Promise<readonly PartitionId[]>;
}

/**
 * Reads a file of lines as one partition. A record's offset is its zero-based line number and its value the line; it has no
 * time and no key. The file is identified by its first bytes, unpacked: after it was renamed or packed it yields nothing new,
 * after it has grown it yields the new lines. Throws `SOURCE_MISSING`; `SOURCE_CHANGED` when its consumed part has changed;
 * and `SOURCE_CORRUPT`, after all whole lines, for a line longer than `maxLineBytes` and for a gzip file that cannot be
 * unpacked to its end.
 */
export function ndjsonFileSource(options: NdjsonFileOptions): NdjsonFileSource {
  let unterminated: UnterminatedLine | null = null;
  const onUnterminated = (line: UnterminatedLine | null): void => {
    unterminated = line;
  };
  return {
    read: (stored, signal) => readFile({ options, stored, signal, onUnterminated }),
    unterminated: () => unterminated,
    totalBytes: () => fileBytes(options.path),
    partitions: stored => identifyFile(options.path, stored),
  };
}

async function identifyFile(path: string, stored: readonly StoredPosition[]): Promise<readonly PartitionId[]> {
  const content = await openContent(path);
  try {
    const head = await readHead(content);
    if (head.topicBytes === 0) return [];
    return [{ topic: findFileStart(path, head, stored).name.topic, partition: 0 }];
  } finally {
    await content.close();
  }
}

/** The arguments of one call of `read`. */
interface ReadCall {
  readonly options: NdjsonFileOptions;
  readonly stored: readonly StoredPosition[];
  readonly signal: AbortSignal;
  onUnterminated(line: UnterminatedLine | null): void;
}

async function* readFile(call: ReadCall): AsyncGenerator<RecordBatch> {
  call.onUnterminated(null);
  if (call.signal.aborted) return;
  const content = await openContent(call.options.path);
  try {
    for await (const batch of readLines(call, content)) {
      if (call.signal.aborted) return;
      yield batch;
    }
  } finally {
    await content.close();
  }
}

async function* readLines(call: ReadCall, content: FileContent): AsyncGenerator<RecordBatch> {
  const { options, stored, signal } = call;
  const { path, until = Number.POSITIVE_INFINITY } = options;
  const head = await readHead(content);
  const start = findFileStart(path, head, stored);
  if (start.nextOffset >= until) return;
  const hash = createHash('sha256');
  const prefix = new ConsumedPrefix({ path, origin: start.origin, consumed: start.consumed, hash });
  const diskBytes = (unpacked: number) => content.diskBytes(unpacked);
  const lines = new ConsumedLines({ origin: path, limits: options, start, until, hash, diskBytes });
  const blocks = new LineBlocks(() => `line ${lines.nextLine + 1} of ${path}`);
  let failure: unknown = null;
  try {
    for await (const chunk of content.chunks()) {
      if (signal.aborted) return;
      for (const block of blocks.push(prefix.skip(chunk))) yield* lines.add(block, prefix.lineEndBytes(block));
      if (lines.isDone) return;
    }
    prefix.finish();
    yield* addLastLine(call, lines, { rest: blocks.takeRest(), prefix });
    lines.checkEnd();
  } catch (error) {
    failure = error;
  }
  // The whole lines before a failure are good: they are yielded first, so that they are stored.
  const rest = lines.finish();
  if (rest !== null) yield rest;
  if (failure !== null) throw failure;
}

interface FileEnd {
  /** The bytes after the last LF. */
  readonly rest: Buffer;
  readonly prefix: ConsumedPrefix;
}

function* addLastLine(
  { options, onUnterminated }: ReadCall,
  lines: ConsumedLines,
  end: FileEnd,
): Generator<RecordBatch> {
  const { rest } = end;
  const from = end.prefix.lineEndBytes(rest) || (lines.isAtStart ? byteOrderMarkBytes(rest) : 0);
  const value = lineValue(rest, from, rest.length);
  if (value === null) return;
  if (isCompleteJson(value)) yield* lines.add(rest, 0);
  else onUnterminated({ path: options.path, bytes: rest.length, offset: lines.nextLine });
}
