import type { ExportProgress } from '../export/export-files.ts';
import { type ExportRecord, isEnded } from '../export/request.ts';
import type { Clock } from '../ports.ts';

/** The progress of a job. */
export interface JobProgress {
  readonly phase: 'queued' | 'waiting for the log' | 'writing' | 'ended';
  /** The kind of file that is being written; null when none is. */
  readonly file: string | null;
  /** Rows of the files that are whole. */
  readonly rows: number;
  /** Plain bytes written so far. */
  readonly bytes: number;
  /** Average since the job started. */
  readonly bytesPerSecond: number;
  /** How long the job waited for the log, or has waited so far. */
  readonly waitedMs: number;
}

export interface JobView {
  readonly record: ExportRecord;
  readonly progress: JobProgress;
}

/** Progress that only adds bytes is reported this often at most. */
const reportEveryMs = 5_000;

/** An accepted request until it has ended. */
export class Job {
  readonly requestId: string;
  /** Resolves when the job is over: with the record of the ended request, or null when the service stopped before that. */
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
  #reportedAt = 0;

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

  /** The time since the job started; 0 before. */
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
    this.#reportedAt = this.#clock.now();
  }

  /** Adds progress; returns true when it is time to report it. */
  advance({ kind, bytes, rows }: ExportProgress): boolean {
    this.#file = kind;
    this.#bytes += bytes;
    this.#rows += rows;
    const now = this.#clock.now();
    if (now - this.#reportedAt < reportEveryMs) return false;
    this.#reportedAt = now;
    return true;
  }

  /** Stops the job. The reason's code says what follows: `CANCELLED` ends the request, any other leaves it for the next start. */
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

/** The view of a request without a job in this process, from its record. */
export function recordedView(record: ExportRecord): JobView {
  const files = record.manifest?.files ?? [];
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const phase = isEnded(record.state) ? 'ended' : 'queued';
  return { record, progress: { phase, file: null, rows, bytes, bytesPerSecond: 0, waitedMs: 0 } };
}
