import type { LogWriter, NewRecord } from '../../../pipeline/ports.ts';
import { within } from '../../../pipeline/waiting.ts';
import { byteOrderMarkBytes, LineBlocks, lineEnd, lineValue } from './lines.ts';

/** Held in memory at most, besides one line. */
const MAX_PENDING_BYTES = 16 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;

interface InputBatching {
  /** Records per append, each one an fsync. */
  readonly batchRecords: number;
  /** A record waits no longer than this for others to be appended with, in milliseconds. */
  readonly flushMs: number;
}

/**
 * Appends the lines of a stream to a log, in order, each as the value of a record without time and key; a last line
 * without LF is one too, as nothing can follow it. Tells how many records; all are on disk when it resolves. Throws
 * what the stream or the writer throws, and `SOURCE_CORRUPT` for a line longer than `maxLineBytes`; whole lines that
 * came before are appended first.
 */
export async function appendStandardInput(
  input: AsyncIterable<Uint8Array>,
  writer: LogWriter,
  batching: InputBatching,
): Promise<{ readonly records: number }> {
  const lines = new InputLines();
  const appender = new Appender(writer, batching);
  try {
    for await (const chunk of withWaits(input, () => appender.waitMs)) {
      if (chunk === 'late') await appender.flush();
      else await appender.add(lines.split(chunk));
    }
    await appender.add(lines.end());
  } finally {
    await appender.flush();
  }
  return { records: appender.count };
}

/** The chunks of a stream, and `late` whenever none came within the milliseconds asked for (null = no limit). */
async function* withWaits(
  input: AsyncIterable<Uint8Array>,
  waitMs: () => number | null,
): AsyncGenerator<Uint8Array | 'late'> {
  const chunks = input[Symbol.asyncIterator]();
  let coming = chunks.next();
  try {
    for (;;) {
      const limit = waitMs();
      const step = limit === null ? await coming : await within(limit, coming);
      if (step === 'late') yield step;
      else if (step.done) return;
      else {
        yield step.value;
        coming = chunks.next();
      }
    }
  } finally {
    // Not awaited: it would wait for the chunk asked for, and an idle terminal never sends one.
    coming.catch(() => undefined);
    chunks.return?.().catch(() => undefined);
  }
}

class InputLines {
  readonly #blocks = new LineBlocks(() => `line ${this.#lines + 1} of standard input`);
  #lines = 0;

  *split(chunk: Uint8Array): Generator<NewRecord> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    // In pieces, as only lines that span pieces are measured.
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      for (const block of this.#blocks.push(bytes.subarray(at, at + PIECE_BYTES))) yield* this.#records(block);
    }
  }

  end(): Generator<NewRecord> {
    return this.#records(this.#blocks.rest());
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

  /** How long the oldest record may still wait, in milliseconds; null when there is none. */
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
