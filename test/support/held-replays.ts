import path from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { Database } from '../../connectors/duckdb/file/database.ts';
import { DuckDbRequestStore } from '../../connectors/duckdb/request-store.ts';
import type { ReplayFolder } from '../../pipeline/requests/replay-databases.ts';
import { ReplayDatabases } from '../../pipeline/requests/replay-databases.ts';
import type { ReplayView } from '../../pipeline/requests/replay-job.ts';
import { ReplayJobs } from '../../pipeline/requests/replay-jobs.ts';
import type { ReplayProgress } from '../../pipeline/requests/replay-request.ts';
import type { RunningReplay } from '../../pipeline/requests/run-replay.ts';
import type { Status } from '../../pipeline/requests/statuses.ts';
import { putEmptyDatabase } from './store.ts';
import { temporaryFolder } from './temporary-folder.ts';

export const readSoFar: ReplayProgress = { recordsRead: 7, records: 9, bytes: 70, applied: 6, quarantined: 1 };

/** A run of a replay that goes on when the test says so. */
interface HeldRun extends Pick<RunningReplay, 'onProgress'> {
  readonly requestId: string;
  end(progress?: ReplayProgress): void;
  fail(error: Error): void;
}

/** A folder of databases in memory. */
export class MemoryReplayFolder implements ReplayFolder {
  readonly files = new Set<string>();
  /** Of each database, how often it was opened and not closed. */
  readonly opened = new Map<string, number>();

  async names(): Promise<readonly string[]> {
    return [...this.files];
  }

  async open(file: string) {
    if (!this.files.has(file)) return null;
    const count = (by: number) => this.opened.set(file, (this.opened.get(file) ?? 0) + by);
    count(1);
    const snapshot = async () => {
      throw new Error('there is nothing to read');
    };
    return { snapshots: { snapshot }, close: async () => void count(-1) };
  }

  async remove(file: string): Promise<void> {
    this.files.delete(file);
  }
}

/** What outlives a service: its database, with a status topic, the folder of replays, and the clock. */
export class ReplayWorld {
  now = Date.parse('2026-03-02T00:00:00Z');
  readonly folder = new MemoryReplayFolder();
  readonly path: string;

  private constructor(file: string) {
    this.path = file;
  }

  static async make(): Promise<ReplayWorld> {
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    const file = path.join(folder.path, 'live.duckdb');
    await putEmptyDatabase(file);
    return new ReplayWorld(file);
  }

  start(options: { readonly atOnce?: number; readonly maxQueued?: number } = {}): Promise<HeldReplays> {
    return HeldReplays.start(this, options);
  }
}

/** The replays of a service, of which each run waits for the test. Stopped with the test. */
export class HeldReplays {
  readonly jobs: ReplayJobs;
  readonly databases: ReplayDatabases;
  readonly store: DuckDbRequestStore;
  readonly runs: HeldRun[] = [];
  readonly changes: string[] = [];
  readonly crashes: unknown[] = [];
  readonly #database: Database;
  readonly #stopping = new AbortController();
  #isStopped = false;

  private constructor(
    { database, store, world }: { database: Database; store: DuckDbRequestStore; world: ReplayWorld },
    { atOnce = 1, maxQueued = 10 }: { readonly atOnce?: number; readonly maxQueued?: number },
  ) {
    const clock = { now: () => world.now };
    this.store = store;
    this.#database = database;
    const shared = { store: store.replays, exports: store, clock };
    this.databases = new ReplayDatabases({ ...shared, folder: world.folder, keepMs: 3_600_000 });
    this.jobs = new ReplayJobs({
      accepting: { ...shared, planOf: id => ({ paths: ['/var/log/calls'], file: `${id}.duckdb` }) },
      run: ({ requestId, plan }, { signal, onProgress }) => {
        world.folder.files.add(plan.file);
        return new Promise((resolve, fail) => {
          signal.addEventListener('abort', () => fail(signal.reason));
          this.runs.push({ requestId, onProgress, fail, end: (progress = readSoFar) => resolve(progress) });
        });
      },
      databases: this.databases,
      ...{ timer: clock, atOnce, maxQueued, signal: this.#stopping.signal },
      onChange: ({ record }: ReplayView) => this.changes.push(`${record.requestId} ${record.state}`),
      onCrash: error => this.crashes.push(error),
    });
  }

  static async start(world: ReplayWorld, options: { readonly atOnce?: number; readonly maxQueued?: number }) {
    const database = await Database.open({ path: world.path, memoryLimit: '256MB', threads: 1 });
    const store = await DuckDbRequestStore.open(database, { now: () => world.now, statuses: true, service: 's' });
    const service = new HeldReplays({ database, store, world }, options);
    await service.jobs.recover();
    onTestFinished(async () => {
      await service.stop();
      expect(service.crashes).toEqual([]);
    });
    return service;
  }

  submit(requestId: string, given: Readonly<Record<string, string>> = {}, client = 'anna') {
    return this.jobs.submit({ requestId, given, asker: { door: 'http', client } });
  }

  /** The run of a replay, once it has begun. */
  async run(requestId: string): Promise<HeldRun> {
    for (;;) {
      const found = this.runs.find(run => run.requestId === requestId);
      if (found !== undefined) return found;
      await new Promise(resolve => setImmediate(resolve));
    }
  }

  /** Waits until a replay is in the state in which it ends, and its job is over; returns its record. */
  async reached(requestId: string, state: string) {
    for (;;) {
      const { record } = await this.jobs.find(requestId);
      if (record.state === state && this.changes.includes(`${requestId} ${state}`)) return record;
      await new Promise(resolve => setImmediate(resolve));
    }
  }

  /** The statuses of a replay that wait to be sent. */
  async statuses(requestId: string): Promise<readonly Status[]> {
    const entries = await this.store.outbox.oldest(1_000);
    return entries.filter(entry => entry.requestId === requestId).map(({ status }) => JSON.parse(status) as Status);
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#stopping.abort();
    await this.jobs.stopped();
    await this.store.close();
    await this.#database.close();
  }
}
