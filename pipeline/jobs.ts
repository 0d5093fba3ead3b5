import { TidemarkError } from './errors.ts';
import { type Exporting, endAs, recoverExports, runExport } from './export.ts';
import { Job, type JobView, recordedView } from './job.ts';
import { type Acceptance, type AcceptedRequest, acceptExport, type ExportRecord, isEnded } from './requests.ts';
import { WaitingLine } from './waiting-line.ts';

export interface JobsParts {
  readonly accepting: Acceptance;
  readonly exporting: Omit<Exporting, 'signal' | 'onProgress'>;
  /** How many run at once, and how many more may wait. */
  readonly atOnce: number;
  readonly queue: number;
  /** Called when a job was queued, when it starts to run, and when it has ended. */
  readonly onChange?: (view: JobView, milliseconds: number) => void;
  /** Called with what no request can be blamed for, such as a database that refuses: the service cannot go on. */
  readonly onCrash: (error: unknown) => void;
  /** Stops all that runs; it is run again at the next start. */
  readonly signal: AbortSignal;
}

/**
 * The exports of a service, whoever asked for them: recorded before any work, served by turns, so many at once, each
 * ended exactly once.
 */
export class Jobs {
  readonly #parts: JobsParts;
  readonly #jobs = new Map<string, Job>();
  readonly #line = new WaitingLine<Job>();
  #running = 0;

  constructor(parts: JobsParts) {
    this.#parts = parts;
    parts.signal.addEventListener('abort', () => this.#stop(), { once: true });
  }

  /** Finishes what a dead process left: files get their names, requests that had not got so far are run again. */
  async recover(): Promise<void> {
    for (const record of await recoverExports(this.#parts.exporting)) this.#enqueue(record);
  }

  /** Requests that wait for their turn. */
  get waiting(): number {
    return this.#line.length;
  }

  get running(): number {
    return this.#running;
  }

  /**
   * Accepts a request and sees to it that it is served; a known one is given as it stands. Throws as `acceptExport` does,
   * and `QUEUE_FULL` for a new request when there is no room.
   */
  async submit(request: Omit<AcceptedRequest, 'admit'>): Promise<JobView> {
    const record = await acceptExport({ ...request, admit: () => this.#admit() }, this.#parts.accepting);
    if (!isEnded(record.state) && !this.#jobs.has(record.requestId)) this.#enqueue(record);
    return this.#viewOf(record);
  }

  /** Resolves when the request has ended, at once when it had. Throws `REQUEST_UNKNOWN`, `INTERRUPTED` when we stop before. */
  async ended(requestId: string): Promise<ExportRecord> {
    await this.#jobs.get(requestId)?.done;
    const { record } = await this.find(requestId);
    if (isEnded(record.state)) return record;
    throw new TidemarkError('INTERRUPTED', `the service stops before export ${requestId} has ended; it is run again`);
  }

  /** Throws `REQUEST_UNKNOWN`. */
  async find(requestId: string): Promise<JobView> {
    const record = await this.#parts.accepting.store.find(requestId);
    if (record !== null) return this.#viewOf(record);
    throw new TidemarkError('REQUEST_UNKNOWN', `there is no export with request id ${JSON.stringify(requestId)}`);
  }

  /** The newest jobs, newest first. */
  async list(limit: number): Promise<readonly JobView[]> {
    return (await this.#parts.accepting.store.list(limit)).map(record => this.#viewOf(record));
  }

  /** Ends a request without its files. Throws `REQUEST_UNKNOWN`, and `REQUEST_ENDED` when it is too late. */
  async cancel(requestId: string, by: string): Promise<ExportRecord> {
    const before = (await this.find(requestId)).record;
    const job = this.#jobs.get(requestId);
    if (job !== undefined) {
      const reason = new TidemarkError(
        'CANCELLED',
        `export ${requestId} was cancelled by ${by}; no file of it is there`,
      );
      job.abort(reason);
      if (this.#line.remove(job)) await this.#end(job, () => endAs(reason, requestId, this.#parts.accepting.store));
      await job.done;
    }
    const { record } = await this.find(requestId);
    if (record.state === 'cancelled' && !isEnded(before.state)) return record;
    throw new TidemarkError('REQUEST_ENDED', `export ${requestId} cannot be cancelled: it is ${record.state}`);
  }

  /** Resolves when all that ran has stopped, after the signal aborted. */
  async stopped(): Promise<void> {
    await Promise.all(Array.from(this.#jobs.values(), ({ done }) => done));
  }

  #viewOf(record: ExportRecord): JobView {
    const job = this.#jobs.get(record.requestId);
    return job === undefined ? recordedView(record) : { record, progress: job.progress() };
  }

  #admit(): void {
    const { queue, atOnce, signal } = this.#parts;
    if (signal.aborted) throw new TidemarkError('QUEUE_FULL', 'the service is stopping; ask again when it is up');
    if (this.#running < atOnce || this.waiting < queue) return;
    throw new TidemarkError('QUEUE_FULL', `${this.waiting} exports wait already, and ${queue} may; ask again later`);
  }

  #enqueue(record: ExportRecord): void {
    const job = new Job(record, this.#parts.accepting.clock);
    this.#jobs.set(record.requestId, job);
    this.#line.add(`${record.asker.door} ${record.asker.client}`, job);
    this.#parts.onChange?.(this.#viewOf(record), 0);
    this.#serve();
  }

  #serve(): void {
    while (this.#running < this.#parts.atOnce && !this.#parts.signal.aborted) {
      const job = this.#line.next();
      if (job === undefined) return;
      this.#running += 1;
      job.start();
      this.#parts.onChange?.({ record: { ...job.record, state: 'running' }, progress: job.progress() }, 0);
      void this.#end(job, () => this.#run(job)).then(() => {
        this.#running -= 1;
        this.#serve();
      });
    }
  }

  async #run(job: Job): Promise<void> {
    const { exporting } = this.#parts;
    await runExport(job.record, {
      ...exporting,
      signal: job.signal,
      async wait(record, signal) {
        const waited = await exporting.wait(record, signal);
        job.write();
        return waited;
      },
      onProgress: progress => job.advance(progress),
    });
  }

  /** A job leaves when its end is in the database, or is left to the next start; what ended it is recorded there. */
  async #end(job: Job, work: () => Promise<unknown>): Promise<void> {
    try {
      await work().catch((error: unknown) => {
        if (!(error instanceof TidemarkError)) throw error;
      });
      const record = await this.#parts.accepting.store.find(job.requestId);
      job.finish();
      this.#jobs.delete(job.requestId);
      if (record !== null && isEnded(record.state))
        this.#parts.onChange?.({ record, progress: job.progress() }, job.milliseconds);
    } catch (error) {
      job.finish();
      this.#jobs.delete(job.requestId);
      this.#parts.onCrash(error);
    }
  }

  #stop(): void {
    const reason = new TidemarkError(
      'INTERRUPTED',
      'the service is stopping; the export is run again at its next start',
    );
    for (let job = this.#line.next(); job !== undefined; job = this.#line.next()) job.finish();
    for (const job of this.#jobs.values()) job.abort(reason);
  }
}
