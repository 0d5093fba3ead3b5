import { EventEmitter, once } from 'node:events';
import { isSamePartition } from '../../pipeline/partition.ts';
import type {
  BatchLimits,
  EventSource,
  LogWriter,
  PartitionId,
  RecordBatch,
  StoredPosition,
} from '../../pipeline/ports.ts';
import { appendStandardInput } from './lines/standard-input.ts';
import type { LostRecordsPolicy } from './log/log-start.ts';
import { type OpenedLogWriter, openLogWriter } from './log/log-writer.ts';
import { logDirectorySource } from './log-directory-source.ts';

interface StandardInputOptions extends BatchLimits {
  readonly input: AsyncIterable<Uint8Array>;
  /** The lines are first appended to a log in this folder. */
  readonly logRoot: string;
  /** What to do about segments of that log that were deleted before they were stored; absent: stop. */
  readonly onLostRecords?: LostRecordsPolicy;
}

const topic = 'stdin';
const flushMs = 200;

/** A source that opens its log before it reads, and must be closed. */
interface StandardInputSource extends EventSource {
  /** Opens the log, which stays locked until `close`, and returns its partition. Throws as `openLogWriter` does. */
  partitions(): Promise<readonly PartitionId[]>;
  /** True when the last line of the input was cut off. */
  isUnfinished(): boolean;
  close(): Promise<void>;
}

/**
 * Reads standard input. It cannot be read twice, so its lines are first appended to a log on disk and read from there: a
 * crash loses no appended line, and the next run reads the lines that were appended but not stored. Ends with the input.
 * `read` throws as `openLogWriter`, `logDirectorySource` and `appendStandardInput` do.
 */
export function standardInputSource(options: StandardInputOptions): StandardInputSource {
  let opened: Promise<OpenedLogWriter> | null = null;
  let isCut = false;
  const writer = (): Promise<OpenedLogWriter> => {
    opened ??= openLogWriter({ root: options.logRoot, topic, partition: 0 });
    return opened;
  };
  return {
    async *read(stored, signal) {
      const onCut = (cut: boolean): void => {
        isCut = cut;
      };
      yield* follow(options, { writer: await writer(), stored, signal, onCut });
    },
    isUnfinished: () => isCut,
    async partitions() {
      return logDirectorySource({ ...options, path: (await writer()).path, kind: 'file' }).partitions();
    },
    async close() {
      await opened?.then(log => log.close());
    },
  };
}

interface Following {
  readonly writer: OpenedLogWriter;
  readonly stored: readonly StoredPosition[];
  readonly signal: AbortSignal;
  /** Called at the end of the input: with true when its last line was cut off. */
  onCut(isCut: boolean): void;
}

async function* follow(
  options: StandardInputOptions,
  { writer, stored, signal, onCut }: Following,
): AsyncGenerator<RecordBatch> {
  const log = new GrowingLog(writer, options);
  let positions = stored;
  for (let finished = false; !finished && !signal.aborted; ) {
    // Copied before reading: this round reads all appends up to here, and later ones are noticed below.
    const { appends, ended } = log;
    const source = logDirectorySource({ ...options, path: writer.path, kind: 'file' });
    for await (const batch of source.read(positions, signal)) {
      yield batch;
      positions = [
        ...positions.filter(other => !isSamePartition(other.partition, batch.partition)),
        { ...batch, ...batch.next },
      ];
    }
    finished = ended;
    if (!finished) await log.untilMoreThan(appends, signal);
  }
  if (!signal.aborted) onCut((await log.appending).isCut);
}

/** The log while standard input is appended to it. */
class GrowingLog {
  readonly appending: Promise<{ readonly isCut: boolean }>;
  appends = 0;
  ended = false;
  readonly #events = new EventEmitter();

  constructor(writer: LogWriter, { input, batchRecords }: StandardInputOptions) {
    const counting: LogWriter = {
      append: async records => {
        const appended = await writer.append(records);
        this.appends += 1;
        this.#events.emit('grown');
        return appended;
      },
      close: () => writer.close(),
    };
    this.appending = appendStandardInput(input, counting, { batchRecords, flushMs }).finally(() => {
      this.ended = true;
      this.#events.emit('grown');
    });
    // `follow` awaits it at the end; until then a failure must not count as an unhandled rejection.
    this.appending.catch(() => undefined);
  }

  /** Resolves when there are more than this many appends, when the input has ended, or when the signal aborts. */
  async untilMoreThan(appends: number, signal: AbortSignal): Promise<void> {
    if (this.appends > appends || this.ended || signal.aborted) return;
    await once(this.#events, 'grown', { signal }).catch(() => undefined);
  }
}
