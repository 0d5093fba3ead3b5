import type { LogWriter, NewRecord } from '../../../pipeline/ports.ts';
import { within } from '../../../pipeline/waiting.ts';
import { byteOrderMarkBytes, isCompleteJson, LineBlocks, lineEnd, lineValue } from './lines.ts';

/** A pending append is written when it holds this many bytes. */
const MAX_PENDING_BYTES = 16 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;

interface InputBatching {
  /** The largest number of records in one append. Each append is one sync to disk. */
  readonly batchRecords: number;
  /** The longest time in milliseconds that a record waits to be appended together with later ones. */
  readonly flushMs: number;
}

/**
 * Appends the lines of a stream to a log in their order, each as the value of a record without time and key. A last line
 * without LF is a record too, as the stream has ended. Returns the number of records, which are all on disk when the promise
 * resolves, and whether the last line was cut off (without LF and no whole JSON): its writer may have died in it. Throws the errors of the stream and of the writer, and `SOURCE_CORRUPT` for a line longer than `maxLineBytes`;
 * the whole lines before it are appended first.
 */
export async function appendStandardInput(
  input: AsyncIterable<Uint8Array>,
  writer: LogWriter,
  batching: InputBatching,
): Promise<{ readonly records: number; readonly isCut: boolean }> {
  const lines = new InputLines();
  const appender = new Appender(writer, batching);
  try {
    for await (const chunk of chunksWithTimeouts(input, () => appender.waitMs)) {
      if (chunk === 'late') await appender.flush();
      else await appender.add(lines.split(chunk));
    }
    await appender.add(lines.end());
  } finally {
    await appender.flush();
  }
  return { records: appender.count, isCut: lines.isCut };
}

/** The chunks of a stream, and `late` whenever none has arrived within `waitMs()` milliseconds (null: without a limit). */
async function* chunksWithTimeouts(
  input: AsyncIterable<Uint8Array>,
  waitMs: () => number | null,
): AsyncGenerator<Uint8Array | 'late'> {
  const chunks = input[Symbol.asyncIterator]();
  let next = chunks.next();
  try {
    for (;;) {
      const limit = waitMs();
      const step = limit === null ? await next : await within(limit, next);
      if (step === 'late') yield step;
      else if (step.done) return;
      else {
        yield step.value;
        next = chunks.next();
      }
    }
  } finally {
    // Not awaited: `return` waits for the requested chunk, and an idle terminal never sends one.
    next.catch(() => undefined);
    chunks.return?.().catch(() => undefined);
  }
}

/** Cuts standard input into records. */
class InputLines {
  isCut = false;
  readonly #blocks = new LineBlocks(() => `line ${this.#lines + 1} of standard input`);
  #lines = 0;

  *split(chunk: Uint8Array): Generator<NewRecord> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    // Cut into pieces: `LineBlocks` measures only the lines that cross the border of two pieces.
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      for (const block of this.#blocks.push(bytes.subarray(at, at + PIECE_BYTES))) yield* this.#records(block);
    }
  }

  end(): Generator<NewRecord> {
    const rest = this.#blocks.takeRest();
    const last = lineValue(rest, this.#lines === 0 ? byteOrderMarkBytes(rest) : 0, rest.length);
    this.isCut = last !== null && !isCompleteJson(last);
    return this.#records(rest);
  }

  *#records(block: Buffer): Generator<NewRecord> {
    for (let at = 0; at < block.length; ) {
      const end = lineEnd(block, at);
      const value = lineValue(block, this.#lines === 0 ? byteOrderMarkBytes(block) : at, end);
      at = end;
      this.#lines += 1;
      if (value !== null) yield { timestamp: null, key: null, value };
    }
  }
}

/** Collects records and appends them in batches. */
class Appender {
  count = 0;
  readonly #writer: LogWriter;
  readonly #batching: InputBatching;
  #pending: NewRecord[] = [];
  #pendingBytes = 0;
  #pendingSince = 0;

  constructor(writer: LogWriter, batching: InputBatching) {
    this.#writer = writer;
    this.#batching = batching;
  }

  /** How many milliseconds the oldest pending record may still wait; null when none is pending. */
  get waitMs(): number | null {
    if (this.#pending.length === 0) return null;
    return Math.max(0, this.#pendingSince + this.#batching.flushMs - performance.now());
  }

  async add(records: Iterable<NewRecord>): Promise<void> {
    for (const record of records) {
      if (this.#pending.length === 0) this.#pendingSince = performance.now();
      this.#pending.push(record);
      this.#pendingBytes += record.value?.length ?? 0;
      if (this.#pending.length >= this.#batching.batchRecords || this.#pendingBytes >= MAX_PENDING_BYTES)
        await this.flush();
    }
  }

  async flush(): Promise<void> {
    if (this.#pending.length === 0) return;
    const records = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    await this.#writer.append(records);
    this.count += records.length;
  }
}
