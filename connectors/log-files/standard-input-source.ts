import { EventEmitter, once } from 'node:events';
import { isSamePartition } from '../../pipeline/partition.ts';
import type { EventSource, LogWriter, RecordBatch, StoredPosition } from '../../pipeline/ports.ts';
import { appendStandardInput } from './lines/standard-input.ts';
import { openLogWriter } from './log/log-writer.ts';
import { logDirectorySource } from './log-directory-source.ts';

interface StandardInputOptions {
  readonly input: AsyncIterable<Uint8Array>;
  /** Folder of the log that the lines are appended to first. */
  readonly logRoot: string;
  readonly batchRecords: number;
  readonly batchBytes: number;
}

const topic = 'stdin';
const flushMs = 200;

/**
 * Standard input cannot be read twice, so its lines are first appended to a log of our own, on disk before they are
 * stored: a crash loses none, and the next run goes on with what an earlier one left in the log.
 * Ends with the input. Throws as `openLogWriter` and `logDirectorySource` do.
 */
export function standardInputSource(options: StandardInputOptions): EventSource {
  return { read: (stored, signal) => follow(options, stored, signal) };
}

async function* follow(
  options: StandardInputOptions,
  stored: readonly StoredPosition[],
  signal: AbortSignal,
): AsyncGenerator<RecordBatch> {
  const writer = await openLogWriter({ root: options.logRoot, topic, partition: 0 });
  try {
    const log = new GrowingLog(writer, options);
    let positions = stored;
    for (let finished = false; !finished && !signal.aborted; ) {
      // Looked at before reading: what was appended up to here is read now, and growth after it is noticed below.
      const { appends, ended } = log;
      const source = logDirectorySource({ ...options, path: writer.path });
      for await (const batch of source.read(positions, signal)) {
        yield batch;
        positions = [
          ...positions.filter(other => !isSamePartition(other.partition, batch.partition)),
          { ...batch, ...batch.next, watermark: null },
        ];
      }
      finished = ended;
      if (!finished) await log.grownBeyond(appends, signal);
    }
    if (!signal.aborted) await log.appending;
  } finally {
    await writer.close();
  }
}

/** The log while the input is being appended to it. */
class GrowingLog {
  readonly appending: Promise<unknown>;
  appends = 0;
  ended = false;
  readonly #events = new EventEmitter();

  constructor(writer: LogWriter, { input, batchRecords }: StandardInputOptions) {
    const noticed: LogWriter = {
      append: async records => {
        const appended = await writer.append(records);
        this.appends += 1;
        this.#events.emit('grown');
        return appended;
      },
      close: () => writer.close(),
    };
    this.appending = appendStandardInput(input, noticed, { batchRecords, flushMs }).finally(() => {
      this.ended = true;
      this.#events.emit('grown');
    });
    // Whoever reads the log awaits it at the end; until then a failure must not count as unhandled.
    this.appending.catch(() => undefined);
  }

  /** Resolves when there were more appends than these, the input has ended, or the signal aborts. */
  async grownBeyond(appends: number, signal: AbortSignal): Promise<void> {
    if (this.appends > appends || this.ended || signal.aborted) return;
    await once(this.#events, 'grown', { signal }).catch(() => undefined);
  }
}
