import { TidemarkError } from '../errors.ts';
import type { Clock } from '../ports.ts';
import { type ReplayProgress, type ReplayRecord, replayPhaseOf } from './replay-request.ts';

/** A replay as it stands. */
export interface ReplayView {
  readonly record: ReplayRecord;
  readonly phase: ReturnType<typeof replayPhaseOf>;
  readonly progress: ReplayProgress;
}

const noProgress: ReplayProgress = { recordsRead: 0, records: null, bytes: 0, applied: 0, quarantined: 0 };

/** Progress is written to the status topic this often at most. */
const reportEveryMs = 5_000;

/** An accepted replay until it has ended. */
export class ReplayJob {
  readonly record: ReplayRecord;
  /** Resolves when the job is over: with the record of the ended replay, or null when the service stopped before that. */
  readonly done: Promise<ReplayRecord | null>;
  readonly #clock: Clock;
  readonly #controller = new AbortController();
  #resolve: (ended: ReplayRecord | null) => void = () => undefined;
  #progress: ReplayProgress;
  #startedAt: number | null = null;
  #reportedAt = 0;

  constructor(record: ReplayRecord, clock: Clock) {
    this.record = record;
    this.#clock = clock;
    this.#progress = record.progress ?? noProgress;
    this.done = new Promise(resolve => {
      this.#resolve = resolve;
    });
  }

  get requestId(): string {
    return this.record.requestId;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get progress(): ReplayProgress {
    return this.#progress;
  }

  get isRunning(): boolean {
    return this.#startedAt !== null;
  }

  /** The time since the job started; 0 before. */
  get milliseconds(): number {
    return this.#startedAt === null ? 0 : this.#clock.now() - this.#startedAt;
  }

  start(): void {
    this.#startedAt = this.#clock.now();
    this.#reportedAt = this.#startedAt;
  }

  /** Takes the progress; returns true when it is time to report it. */
  advance(progress: ReplayProgress): boolean {
    this.#progress = progress;
    const now = this.#clock.now();
    if (now - this.#reportedAt < reportEveryMs) return false;
    this.#reportedAt = now;
    return true;
  }

  /** Stops the job. The reason's code says what follows: `CANCELLED` ends it, any other leaves it for the next start. */
  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  finish(ended: ReplayRecord | null): void {
    this.#resolve(ended);
  }
}

/** The view of a replay without a job in this process, from its record. */
export function recordedReplay(record: ReplayRecord): ReplayView {
  return { record, phase: replayPhaseOf(record.state), progress: record.progress ?? noProgress };
}

/** The error that ends a cancelled replay. */
export function cancelledReplay(requestId: string, by: string): TidemarkError {
  return new TidemarkError('CANCELLED', `replay ${requestId} was cancelled by ${by}; it has no database`);
}
