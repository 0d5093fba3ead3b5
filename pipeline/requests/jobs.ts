import { TidemarkError } from '../errors.ts';
import { cancelled, type Exporting, endAs, recoverExports, runExport } from '../export/export.ts';
import { type ControlPosition, type ExportRecord, isEnded, type ListFilter } from '../export/request.ts';
import type { Clock } from '../ports.ts';
import { within } from '../waiting.ts';
import { type Acceptance, acceptExport, type IncomingRequest } from './accept.ts';
import { FairQueue } from './fair-queue.ts';
import { Job, type JobView, recordedView } from './job.ts';
import { Places } from './places.ts';

interface JobsParts {
  readonly accepting: Acceptance;
  /** Measures how long jobs take; unlike the clock of `accepting`, it never goes back. */
  readonly timer: Clock;
  readonly exporting: Omit<Exporting, 'signal' | 'onProgress'>;
  /** How many exports run at once. */
  readonly atOnce: number;
  /** How many more may wait for their turn. */
  readonly maxQueued: number;
  /** Called when a job is queued, when it starts and when it has ended; then `milliseconds` is how long it ran, else 0. */
  readonly onChange?: (view: JobView, milliseconds: number) => void;
  /** Called every few seconds while files are written. The job ends only after the returned promise has resolved. */
  readonly onProgress?: (view: JobView) => Promise<void>;
  /** Called on an unexpected error, such as a database that refuses to write; the service must stop. */
  readonly onCrash: (error: unknown) => void;
  /** Stops all jobs; the next start runs them again. */
  readonly signal: AbortSignal;
}

/** A job that waits longer than this for the log gives its place to another one meanwhile. */
const briefWaitMs = 50;

/**
 * The exports of a service, from every door: each is recorded before any work, runs when its client has its turn, at most
 * `atOnce` at a time, and ends exactly once. A job that waits for the log holds no place.
 */
export class Jobs {
  readonly #parts: JobsParts;
  readonly #jobs = new Map<string, Job>();
  readonly #queue = new FairQueue<Job>();
  readonly #places: Places<Job>;
  #waitingForRoom: (() => void)[] = [];

  constructor(parts: JobsParts) {
    this.#parts = parts;
    this.#places = new Places(parts.atOnce, () => {
      this.#serve();
      this.#announceRoom();
    });
    parts.signal.addEventListener('abort', () => this.#stop(), { once: true });
  }

  /** Completes or queues the requests that a dead process left unfinished. */
  async recover(): Promise<void> {
    for (const record of await recoverExports(this.#parts.exporting)) this.#enqueue(record);
  }

  /** The number of requests that wait for their turn or for the log. */
  get waiting(): number {
    return this.#jobs.size - this.#places.taken;
  }

  get running(): number {
    return this.#places.taken;
  }

  /**
   * Accepts a request and queues it; a known one is returned as recorded. Throws as `acceptExport` does, and `QUEUE_FULL`
   * for a new request when the queue is full.
   */
  async submit(request: Omit<IncomingRequest, 'admit'>): Promise<JobView> {
    const record = await acceptExport({ ...request, admit: () => this.#admit() }, this.#parts.accepting);
    if (!isEnded(record.state) && !this.#jobs.has(record.requestId)) this.#enqueue(record);
    return this.#viewOf(record);
  }

  /** Resolves when a new request may find room in the queue, or when the service stops. */
  room(): Promise<void> {
    if (this.#hasRoom || this.#parts.signal.aborted) return Promise.resolve();
    return new Promise(resolve => this.#waitingForRoom.push(resolve));
  }

  /** Resolves when the request has ended. Throws `REQUEST_UNKNOWN`, or `INTERRUPTED` when the service stops before. */
  async ended(requestId: string): Promise<ExportRecord> {
    const known = await this.#jobs.get(requestId)?.done;
    const record = known ?? (await this.find(requestId)).record;
    if (isEnded(record.state)) return record;
    throw new TidemarkError('INTERRUPTED', `the service stops before export ${requestId} has ended; it is run again`);
  }

  /** Throws `REQUEST_UNKNOWN`. */
  async find(requestId: string): Promise<JobView> {
    const record = await this.#parts.accepting.store.find(requestId);
    if (record !== null) return this.#viewOf(record);
    throw new TidemarkError('REQUEST_UNKNOWN', `there is no export with request id ${JSON.stringify(requestId)}`);
  }

  /** As `RequestStore.list`. */
  async list(limit: number, filter: ListFilter): Promise<readonly JobView[]> {
    return (await this.#parts.accepting.store.list(limit, filter)).map(record => this.#viewOf(record));
  }

  /**
   * Cancels a request. After the cancellation is recorded, the request can only end as `cancelled`, or as `failed` when it
   * failed at the same time. Throws `REQUEST_UNKNOWN`, `REQUEST_ENDED` when it is too late, and `INTERRUPTED` when the service
   * stops before the request has ended; the next start then ends it.
   */
  async cancel(requestId: string, by: string, control?: ControlPosition): Promise<ExportRecord> {
    const { store, directory } = this.#parts.accepting;
    if (!(await store.cancel(requestId, by, control))) {
      const { state } = (await this.find(requestId)).record;
      throw new TidemarkError('REQUEST_ENDED', `export ${requestId} cannot be cancelled: it is ${state}`);
    }
    const reason = cancelled(requestId, by);
    const job = this.#jobs.get(requestId);
    if (job === undefined) await endAs(reason, (await this.find(requestId)).record, { store, directory });
    else {
      job.abort(reason);
      if (this.#queue.remove(job)) await this.#end(job, () => endAs(reason, job.record, { store, directory }));
      this.#announceRoom();
    }
    return this.ended(requestId);
  }

  /** Resolves when every job has stopped, after the signal aborted. */
  async stopped(): Promise<void> {
    await Promise.all(Array.from(this.#jobs.values(), ({ done }) => done));
  }

  #viewOf(record: ExportRecord): JobView {
    const job = this.#jobs.get(record.requestId);
    return job === undefined ? recordedView(record) : { record, progress: job.progress() };
  }

  get #hasRoom(): boolean {
    return this.#jobs.size < this.#parts.atOnce + this.#parts.maxQueued;
  }

  #announceRoom(): void {
    if (!this.#hasRoom && !this.#parts.signal.aborted) return;
    const waiting = this.#waitingForRoom;
    this.#waitingForRoom = [];
    for (const resolve of waiting) resolve();
  }

  #admit(): 'accepted' | 'running' {
    const { maxQueued, signal } = this.#parts;
    if (signal.aborted)
      throw new TidemarkError('QUEUE_FULL', 'the service is stopping; send the request again when it has started');
    // Requests are accepted one at a time, and no job wants a place again, so it is still free when this one is recorded.
    if (this.#places.hasFree && this.waiting === 0) return 'running';
    if (this.#hasRoom) return 'accepted';
    throw new TidemarkError(
      'QUEUE_FULL',
      `${this.waiting} exports wait already, and at most ${maxQueued} may wait; send the request again later`,
    );
  }

  /** A request that comes while the service stops is left to the next start. */
  #enqueue(record: ExportRecord): void {
    if (this.#parts.signal.aborted) return;
    const job = new Job(record, this.#parts.timer);
    this.#jobs.set(record.requestId, job);
    this.#queue.add(`${record.asker.door} ${record.asker.client}`, job);
    this.#parts.onChange?.(this.#viewOf({ ...record, state: 'accepted' }), 0);
    this.#serve();
  }

  #serve(): void {
    while (this.#places.hasFree && !this.#parts.signal.aborted) {
      const job = this.#queue.next();
      if (job === undefined) return;
      this.#places.take(job);
      job.start();
      this.#parts.onChange?.({ record: { ...job.record, state: 'running' }, progress: job.progress() }, 0);
      void this.#end(job, () => this.#run(job)).then(() => this.#places.leave(job));
    }
  }

  async #run(job: Job): Promise<ExportRecord> {
    const { exporting, onProgress } = this.#parts;
    let reported: Promise<unknown> = Promise.resolve();
    const report = (): void => {
      const view = { record: { ...job.record, state: 'running' as const }, progress: job.progress() };
      reported = Promise.all([reported, onProgress?.(view)]);
      reported.catch(() => undefined);
    };
    try {
      return await runExport(job.record, {
        ...exporting,
        signal: job.signal,
        wait: async (record, signal) => {
          const waited = await this.#withoutPlace(job, exporting.wait(record, signal));
          job.write();
          report();
          return waited;
        },
        onProgress: progress => {
          if (job.advance(progress)) report();
        },
      });
    } finally {
      await reported;
    }
  }

  /** Waits for the log; a job that waits long gives its place away, and has one again when this resolves. */
  async #withoutPlace<T>(job: Job, waiting: Promise<T>): Promise<T> {
    if ((await within(briefWaitMs, waiting)) === 'late') {
      this.#places.leave(job);
      await waiting;
      await this.#places.takeAgain(job);
    }
    return waiting;
  }

  /** Runs `work`, which ends the request or leaves it to the next start, and then removes the job. */
  async #end(job: Job, work: () => Promise<ExportRecord | null>): Promise<void> {
    try {
      const completed = await work().catch((error: unknown) => {
        if (!(error instanceof TidemarkError)) throw error;
        return null;
      });
      const record = completed ?? (await this.#parts.accepting.store.find(job.requestId));
      const ended = record !== null && isEnded(record.state) ? record : null;
      job.finish(ended);
      this.#remove(job);
      if (ended !== null) this.#parts.onChange?.({ record: ended, progress: job.progress() }, job.milliseconds);
    } catch (error) {
      job.finish(null);
      this.#remove(job);
      this.#parts.onCrash(error);
    }
  }

  #remove(job: Job): void {
    this.#jobs.delete(job.requestId);
    this.#announceRoom();
  }

  #stop(): void {
    const reason = new TidemarkError(
      'INTERRUPTED',
      'the service is stopping; the export is run again at its next start',
    );
    for (let job = this.#queue.next(); job !== undefined; job = this.#queue.next()) job.finish(null);
    for (const job of this.#jobs.values()) job.abort(reason);
    this.#announceRoom();
  }
}
