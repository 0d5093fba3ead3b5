import type { ExportProgress } from './export.ts';
import type { Clock } from './ports.ts';
import type { ExportRecord } from './requests.ts';

/** How far a job is. */
export interface JobProgress {
  readonly phase: 'queued' | 'waiting for the log' | 'writing' | 'ended';
  /** The kind of file that is being written. */
  readonly file: string | null;
  /** Rows of the files that are whole. */
  readonly rows: number;
  /** Plain bytes written so far. */
  readonly bytes: number;
  /** Over the time since the job runs. */
  readonly bytesPerSecond: number;
}

export interface JobView {
  readonly record: ExportRecord;
  readonly progress: JobProgress;
}

/** One request on its way, between its acceptance and its end. */
export class Job {
  readonly requestId: string;
  /** Resolves when the job has left the service: ended, or stopped with it. */
  readonly done: Promise<void>;
  readonly #record: ExportRecord;
  readonly #clock: Clock;
  readonly #controller = new AbortController();
  #resolve: () => void = () => undefined;
  #phase: JobProgress['phase'] = 'queued';
  #file: string | null = null;
  #rows = 0;
  #bytes = 0;
  #startedAt: number | null = null;

  constructor(record: ExportRecord, clock: Clock) {
    this.requestId = record.requestId;
    this.#record = record;
    this.#clock = clock;
    this.done = new Promise(resolve => {
      this.#resolve = resolve;
    });
  }

  get record(): ExportRecord {
    return this.#record;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** How long it has been running. */
  get milliseconds(): number {
    return this.#startedAt === null ? 0 : this.#clock.now() - this.#startedAt;
  }

  start(): void {
    this.#startedAt = this.#clock.now();
    this.#phase = 'waiting for the log';
  }

  write(): void {
    this.#phase = 'writing';
  }

  advance({ kind, bytes, rows }: ExportProgress): void {
    this.#file = kind;
    this.#bytes += bytes;
    this.#rows += rows;
  }

  /** Aborts with an error that says what it means: cancelled for good, or stopped for now. */
  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  finish(): void {
    this.#phase = 'ended';
    this.#resolve();
  }

  progress(): JobProgress {
    const seconds = Math.max(this.milliseconds, 1) / 1000;
    const bytesPerSecond = Math.round(this.#bytes / seconds);
    return { phase: this.#phase, file: this.#file, rows: this.#rows, bytes: this.#bytes, bytesPerSecond };
  }
}

/** A request that is none of the running ones, as it is recorded. */
export function recordedView(record: ExportRecord): JobView {
  const files = record.manifest?.files ?? [];
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { record, progress: { phase: 'ended', file: null, rows, bytes, bytesPerSecond: 0 } };
}
