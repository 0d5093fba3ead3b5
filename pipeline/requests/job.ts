import type { ExportProgress } from '../export/export-files.ts';
import { type ExportRecord, isEnded } from '../export/request.ts';
import type { Clock } from '../ports.ts';

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
  /** How long it waited, or has been waiting, for the log. */
  readonly waitedMs: number;
}

export interface JobView {
  readonly record: ExportRecord;
  readonly progress: JobProgress;
}

/** Progress that is only so many bytes more is told this often at most. */
const tellEveryMs = 5_000;

/** One request on its way, between its acceptance and its end. */
export class Job {
  readonly requestId: string;
  /** Resolves when the job has left the service: with its end as recorded, or null where it was stopped before. */
  readonly done: Promise<ExportRecord | null>;
  readonly #record: ExportRecord;
  readonly #clock: Clock;
  readonly #controller = new AbortController();
  #resolve: (ended: ExportRecord | null) => void = () => undefined;
  #phase: JobProgress['phase'] = 'queued';
  #file: string | null = null;
  #rows = 0;
  #bytes = 0;
  #startedAt: number | null = null;
  #waitedMs: number | null = null;
  #toldAt = 0;

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
    this.#waitedMs = this.milliseconds;
    this.#phase = 'writing';
    this.#toldAt = this.#clock.now();
  }

  /** True when it is time to tell of it. */
  advance({ kind, bytes, rows }: ExportProgress): boolean {
    this.#file = kind;
    this.#bytes += bytes;
    this.#rows += rows;
    const now = this.#clock.now();
    if (now - this.#toldAt < tellEveryMs) return false;
    this.#toldAt = now;
    return true;
  }

  /** Aborts with an error that says what it means: cancelled for good, or stopped for now. */
  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  finish(ended: ExportRecord | null): void {
    this.#phase = 'ended';
    this.#resolve(ended);
  }

  progress(): JobProgress {
    const seconds = Math.max(this.milliseconds, 1) / 1000;
    const bytesPerSecond = Math.round(this.#bytes / seconds);
    const waitedMs = this.#waitedMs ?? this.milliseconds;
    return { phase: this.#phase, file: this.#file, rows: this.#rows, bytes: this.#bytes, bytesPerSecond, waitedMs };
  }
}

/** A request that is none of the running ones, as it is recorded. */
export function recordedView(record: ExportRecord): JobView {
  const files = record.manifest?.files ?? [];
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const phase = isEnded(record.state) ? 'ended' : 'queued';
  return { record, progress: { phase, file: null, rows, bytes, bytesPerSecond: 0, waitedMs: 0 } };
}
