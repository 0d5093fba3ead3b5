import { TidemarkError } from '../errors.ts';
import { type ControlPosition, isEnded, type ListFilter } from '../export/request.ts';
import type { Clock } from '../ports.ts';
import { acceptReplay, type IncomingReplay, type ReplayAcceptance } from './accept-replay.ts';
import { FairQueue } from './fair-queue.ts';
import type { ReplayDatabases } from './replay-databases.ts';
import { cancelledReplay, ReplayJob, type ReplayView, recordedReplay } from './replay-job.ts';
import { type ReplayRecord, replayPhaseOf } from './replay-request.ts';
import { endReplay, type ReplayEnds, type ReplayRuns, runReplayJob } from './run-replay.ts';

interface ReplayJobsParts {
  readonly accepting: ReplayAcceptance;
  readonly run: ReplayRuns['run'];
  readonly databases: Pick<ReplayDatabases, 'discard' | 'sweep'>;
  /** Measures how long jobs take; it never goes back. */
  readonly timer: Clock;
  /** How many replays run at once. */
  readonly atOnce: number;
  /** How many more may wait for their turn. */
  readonly maxQueued: number;
  /** Called when a job is queued, when it starts and when it has ended; then `milliseconds` is how long it ran, else 0. */
  readonly onChange?: (view: ReplayView, milliseconds: number) => void;
  /** Called on an unexpected error; the service must stop. */
  readonly onCrash: (error: unknown) => void;
  /** Stops all jobs; the next start goes on with them. */
  readonly signal: AbortSignal;
}

/**
 * The replays of a service, from every door: each is recorded before any work, runs when its client has its turn, at most
 * `atOnce` at a time, and ends exactly once.
 */
export class ReplayJobs {
  readonly #parts: ReplayJobsParts;
  readonly #jobs = new Map<string, ReplayJob>();
  readonly #queue = new FairQueue<ReplayJob>();

  constructor(parts: ReplayJobsParts) {
    this.#parts = parts;
    parts.signal.addEventListener('abort', () => this.#stop(), { once: true });
  }

  get running(): number {
    return Array.from(this.#jobs.values()).filter(({ isRunning }) => isRunning).length;
  }

  get waiting(): number {
    return this.#jobs.size - this.running;
  }

  /** Goes on with the replays that a dead process left unfinished, and removes the databases of those that have ended without. */
  async recover(): Promise<void> {
    const all = await this.#parts.accepting.store.all();
    await this.#parts.databases.sweep(all);
    for (const record of all.filter(({ state }) => !isEnded(state))) {
      if (record.cancelledBy === null) this.#enqueue(record);
      else await endReplay(cancelledReplay(record.requestId, record.cancelledBy), record, this.#ends());
    }
  }

  /** Accepts a request and queues it; a known one is returned as recorded. Throws as `acceptReplay` does, and `QUEUE_FULL`. */
  async submit(request: Omit<IncomingReplay, 'admit'>): Promise<ReplayView> {
    const record = await acceptReplay({ ...request, admit: () => this.#admit() }, this.#parts.accepting);
    if (!isEnded(record.state) && !this.#jobs.has(record.requestId)) this.#enqueue(record);
    return this.#viewOf(record);
  }

  /** Throws `REQUEST_UNKNOWN`. */
  async find(requestId: string): Promise<ReplayView> {
    const record = await this.#parts.accepting.store.find(requestId);
    if (record !== null) return this.#viewOf(record);
    throw new TidemarkError('REQUEST_UNKNOWN', `there is no replay with request id ${JSON.stringify(requestId)}`);
  }

  /** As `ReplayStore.list`. */
  async list(limit: number, filter: ListFilter): Promise<readonly ReplayView[]> {
    return (await this.#parts.accepting.store.list(limit, filter)).map(record => this.#viewOf(record));
  }

  /**
   * Cancels a replay, and removes its database. Throws `REQUEST_UNKNOWN`, `REQUEST_ENDED` when it is too late, and `INTERRUPTED`
   * when the service stops before it has ended; the next start then ends it.
   */
  async cancel(requestId: string, by: string, control?: ControlPosition): Promise<ReplayRecord> {
    if (!(await this.#parts.accepting.store.cancel(requestId, by, control))) {
      const { state } = (await this.find(requestId)).record;
      throw new TidemarkError('REQUEST_ENDED', `replay ${requestId} cannot be cancelled: it is ${state}`);
    }
    const reason = cancelledReplay(requestId, by);
    const job = this.#jobs.get(requestId);
    if (job === undefined) await endReplay(reason, (await this.find(requestId)).record, this.#ends());
    else {
      job.abort(reason);
      if (this.#queue.remove(job)) await this.#finish(job, () => endReplay(reason, job.record, this.#ends()));
      else await job.done;
    }
    const { record } = await this.find(requestId);
    if (isEnded(record.state)) return record;
    throw new TidemarkError(
      'INTERRUPTED',
      `the service stops before replay ${requestId} has ended; its next start ends it`,
    );
  }

  /** Resolves when every job has stopped, after the signal aborted. */
  async stopped(): Promise<void> {
    await Promise.all(Array.from(this.#jobs.values(), ({ done }) => done));
  }

  #viewOf(record: ReplayRecord): ReplayView {
    const job = this.#jobs.get(record.requestId);
    return job === undefined
      ? recordedReplay(record)
      : { record, phase: replayPhaseOf(record.state), progress: job.progress };
  }

  get #hasRoom(): boolean {
    return this.#jobs.size < this.#parts.atOnce + this.#parts.maxQueued;
  }

  #admit(): void {
    const { maxQueued, signal } = this.#parts;
    if (signal.aborted)
      throw new TidemarkError('QUEUE_FULL', 'the service is stopping; send the request again when it has started');
    if (this.#hasRoom) return;
    throw new TidemarkError(
      'QUEUE_FULL',
      `${this.waiting} replays wait already, and at most ${maxQueued} may wait; send the request again later`,
    );
  }

  /** A request that comes while the service stops is left to the next start. */
  #enqueue(record: ReplayRecord): void {
    if (this.#parts.signal.aborted) return;
    const job = new ReplayJob(record, this.#parts.timer);
    this.#jobs.set(record.requestId, job);
    this.#queue.add(`${record.asker.door} ${record.asker.client}`, job);
    this.#parts.onChange?.({ ...recordedReplay({ ...record, state: 'accepted' }), progress: job.progress }, 0);
    this.#serve();
  }

  #serve(): void {
    while (this.running < this.#parts.atOnce && !this.#parts.signal.aborted) {
      const job = this.#queue.next();
      if (job === undefined) return;
      job.start();
      this.#parts.onChange?.({ ...recordedReplay({ ...job.record, state: 'running' }), progress: job.progress }, 0);
      void this.#finish(job, () => runReplayJob(job, { ...this.#ends(), run: this.#parts.run }));
    }
  }

  #ends(): ReplayEnds {
    return { store: this.#parts.accepting.store, databases: this.#parts.databases };
  }

  /** Runs `work`, which ends the replay or leaves it to the next start, and then removes the job. */
  async #finish(job: ReplayJob, work: () => Promise<ReplayRecord | null>): Promise<void> {
    let ended: ReplayRecord | null = null;
    try {
      ended = await work();
    } catch (error) {
      this.#parts.onCrash(error);
    }
    this.#jobs.delete(job.requestId);
    job.finish(ended);
    if (ended !== null) this.#parts.onChange?.(recordedReplay(ended), job.milliseconds);
    this.#serve();
  }

  #stop(): void {
    const reason = new TidemarkError('INTERRUPTED', 'the service is stopping; the replay goes on at its next start');
    for (let job = this.#queue.next(); job !== undefined; job = this.#queue.next()) {
      this.#jobs.delete(job.requestId);
      job.finish(null);
    }
    for (const job of this.#jobs.values()) job.abort(reason);
  }
}
