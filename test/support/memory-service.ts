import { noSources } from '../../pipeline/completeness/sources.ts';
import type { Exporting } from '../../pipeline/export/export.ts';
import { withoutLog } from '../../pipeline/export/log-wait.ts';
import type { Snapshot } from '../../pipeline/export/snapshot.ts';
import type { EventSource, LogRecord } from '../../pipeline/ports.ts';
import { serveControl } from '../../pipeline/requests/control.ts';
import type { JobView } from '../../pipeline/requests/job.ts';
import { Jobs } from '../../pipeline/requests/jobs.ts';
import { MemoryExportDirectory } from './memory-export-directory.ts';
import { MemoryRequestStore } from './memory-requests.ts';
import { noReplayJobs, noReplays } from './no-replays.ts';

/** A topic in memory that can be read while it grows. */
export class MemoryTopic implements EventSource {
  readonly #partition = { topic: 'control', partition: 0 };
  readonly #records: LogRecord[] = [];
  #waiting: (() => void)[] = [];

  get length(): number {
    return this.#records.length;
  }

  append(key: string | null, value: object | string): void {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const bytes = key === null ? null : Buffer.from(key);
    const offset = this.#records.length;
    this.#records.push({ offset, timestamp: null, key: bytes, value: Buffer.from(text), headers: [] });
    this.#wake();
  }

  async *read(...[stored, signal]: Parameters<EventSource['read']>) {
    const wake = (): void => this.#wake();
    signal.addEventListener('abort', wake, { once: true });
    for (let at = stored[0]?.nextOffset ?? 0; !signal.aborted; ) {
      const record = this.#records[at];
      if (record === undefined) {
        await new Promise<void>(resolve => this.#waiting.push(resolve));
        continue;
      }
      const next = { nextOffset: at + 1, bookmark: `after ${at}` };
      const batch = { partition: this.#partition, kind: 'live', origin: 'memory' } as const;
      yield { ...batch, records: [record], from: at, next, bytesRead: 1 };
      at += 1;
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** Exports that wait in the middle of their file until they are told to go on, to fail, or are interrupted. */
export class HeldSnapshots {
  readonly #held: { readonly go: () => void; readonly fail: (error: Error) => void }[] = [];
  /** While true nothing is held. */
  isOpen = false;

  get held(): number {
    return this.#held.length;
  }

  /** Lets the oldest go on; false when none waits. */
  go(): boolean {
    const first = this.#held.shift();
    first?.go();
    return first !== undefined;
  }

  fail(): boolean {
    const first = this.#held.shift();
    first?.fail(new Error('it was made to fail'));
    return first !== undefined;
  }

  open(): void {
    this.isOpen = true;
    while (this.go());
  }

  snapshot = async (): Promise<Snapshot> => {
    let isInterrupted = false;
    let release = (): void => undefined;
    return {
      sources: noSources,
      batch: 0,
      schemaIds: [],
      splitServices: 0,
      servicesWithoutStart: 0,
      write: async (_kind, sink) => {
        await sink(Buffer.from('first\n'));
        if (isInterrupted) throw new Error('interrupted');
        if (!this.isOpen) {
          await new Promise<void>((go, fail) => {
            const held = { go, fail };
            this.#held.push(held);
            release = () => {
              const at = this.#held.indexOf(held);
              if (at >= 0) this.#held.splice(at, 1);
              fail(new Error('interrupted'));
            };
          });
        }
        await sink(Buffer.from('second\n'));
        return { rows: 2, columns: [], valuesLeftOut: 0 };
      },
      interrupt: () => {
        isInterrupted = true;
        release();
      },
      close: async () => undefined,
    };
  };
}

export const clock = { now: () => Date.parse('2026-03-02T10:11:12.345Z') };

export interface MemoryWorld {
  readonly store: MemoryRequestStore;
  readonly directory: MemoryExportDirectory;
  readonly topic: MemoryTopic;
}

export function memoryWorld(): MemoryWorld {
  return { store: new MemoryRequestStore(), directory: new MemoryExportDirectory(), topic: new MemoryTopic() };
}

export interface ServiceOptions {
  readonly atOnce?: number;
  readonly maxQueued?: number;
  readonly wait?: Exporting['wait'];
  readonly onChange?: (view: JobView) => void;
}

/** The exports of a service, from its start to its stop, over a world that outlives it. */
export class MemoryService {
  readonly jobs: Jobs;
  readonly snapshots = new HeldSnapshots();
  readonly crashes: unknown[] = [];
  readonly #world: MemoryWorld;
  readonly #stopping = new AbortController();
  #reading: Promise<void> = Promise.resolve();

  constructor(
    world: MemoryWorld,
    { atOnce = 1, maxQueued = 10, wait, onChange = () => undefined }: ServiceOptions = {},
  ) {
    this.#world = world;
    const { store, directory } = world;
    const contradictions = { watch: () => undefined, unwatch: () => undefined };
    const rules = { contradictions, lateness: { allowedMs: 0, clockMs: 0 }, skewMs: 0 };
    const exporting = { store, directory, snapshots: this.snapshots, software: 'test', replays: noReplays, ...rules };
    this.jobs = new Jobs({
      accepting: { store, directory, clock, lookAtLog: withoutLog.lookAtLog, replays: noReplays },
      timer: clock,
      exporting: { ...exporting, wait: wait ?? withoutLog.wait },
      atOnce,
      maxQueued,
      onChange,
      onCrash: error => this.crashes.push(error),
      signal: this.#stopping.signal,
    });
  }

  /** Takes up what a dead one left, and serves the control topic. */
  async start(): Promise<void> {
    await this.jobs.recover();
    const { store, topic } = this.#world;
    const parts = {
      source: topic,
      registry: null,
      store: store.control,
      jobs: this.jobs,
      replays: noReplayJobs,
      signal: this.#stopping.signal,
    };
    this.#reading = serveControl(parts).catch(error => void this.crashes.push(error));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.jobs.stopped();
    await this.#reading;
  }
}

/** Resolves when promises that wait for nothing but each other have gone on as far as they can. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(resolve => setImmediate(resolve));
}

export const given = { file_prefix: 'day/x_', time_from: '2026-03-01T00:00:00Z', format: 'ndjson' };
