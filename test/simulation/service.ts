import { LogWatch } from '../../ops/service/log-watch.ts';
import { endPartition } from '../../ops/service/partition-list.ts';
import type { Look } from '../../pipeline/completeness/changes.ts';
import { withTopics } from '../../pipeline/completeness/changes.ts';
import type { Lateness } from '../../pipeline/completeness/sources.ts';
import { judgeCompleteness } from '../../pipeline/completeness/verdict.ts';
import { runExport } from '../../pipeline/export/export.ts';
import type { Writing } from '../../pipeline/export/export-files.ts';
import { lookAt, withoutLog } from '../../pipeline/export/log-wait.ts';
import type { ExportRecord } from '../../pipeline/export/request.ts';
import type { Warehouse } from '../../pipeline/ingest/warehouse.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { Clock, ExportDirectory } from '../../pipeline/ports.ts';
import { acceptExport } from '../../pipeline/requests/accept.ts';
import { Jobs } from '../../pipeline/requests/jobs.ts';
import { at } from '../support/event-batches.ts';
import { noReplays } from '../support/no-replays.ts';
import { ExportWaits } from './export-waits.ts';
import { Gates } from './gates.ts';
import type { Law } from './law.ts';
import type { Mistake } from './mistake.ts';
import type { Requested } from './operations.ts';
import { override } from './override.ts';
import { SimulatedReader } from './simulated-reader.ts';
import { SimulatedSource } from './simulated-source.ts';
import type { OpenedStore } from './simulated-store.ts';
import { toldStore } from './told-store.ts';
import { partitionOf, type World } from './world.ts';

interface ServiceParts {
  readonly world: World;
  readonly law: Law;
  readonly mistake: Mistake;
  readonly store: OpenedStore;
  readonly directory: ExportDirectory;
  readonly lateness: Lateness;
  readonly clock: Clock;
}

const noLog = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/**
 * A process of the store: the real exports, their waits, looks and verdicts. It reads, waits and records only when an
 * operation says so. Where no topic is followed, exports run as the command runs them.
 */
export class SimulatedService {
  readonly gates = new Gates();
  readonly source: SimulatedSource;
  readonly warehouse: Warehouse;
  readonly reader: SimulatedReader;
  /** Errors that nothing expects. */
  readonly errors: unknown[] = [];
  readonly #parts: ServiceParts;
  readonly #watch: LogWatch;
  readonly #jobs: Jobs;
  readonly #told: ReturnType<typeof toldStore>;
  readonly #stopping = new AbortController();
  readonly #waits: ExportWaits;
  readonly #unpublished = new Set<string>();
  readonly #heldSnapshots = new Set<string>();
  #acceptedLook: Look | null = null;
  #recordedAssignment = '';

  constructor(parts: ServiceParts) {
    this.#parts = parts;
    const { world, law, mistake, store, clock, directory } = parts;
    this.#told = toldStore(store, {
      ...{ world, law, mistake, gates: this.gates },
      stableAtAcceptance: () => (this.#acceptedLook === null ? [] : this.source.stableAt(this.#acceptedLook)),
      beforeSnapshot: async requestId => {
        if (this.#heldSnapshots.has(requestId)) await this.gates.pass(`snapshot ${requestId}`);
      },
      judgeAgain: record => this.#judgeAgain(record),
    });
    this.warehouse = this.#told.warehouse;
    this.source = new SimulatedSource({ world, law, mistake, sources: () => this.warehouse.sources() });
    this.reader = new SimulatedReader({
      ...{ world, law, mistake, clock, source: this.source, warehouse: this.warehouse },
      reportChanges: contradicted => this.#told.requests.reportChanges(contradicted),
    });
    const { signal } = this.#stopping;
    this.#watch = new LogWatch({ source: this.source, warehouse: this.warehouse, clock, log: noLog, signal });
    this.#waits = new ExportWaits({
      ...{ world, law, gates: this.gates, source: this.source, watch: this.#watch, lateness: parts.lateness },
      sources: () => this.warehouse.sources(),
    });
    const gatedDirectory = override(directory, {
      publish: async (destination, requestId, names) => {
        if (this.#unpublished.has(requestId)) await this.gates.pass(`publish ${requestId}`);
        await directory.publish(destination, requestId, names);
      },
    });
    const lookAtLog = () => this.#lookForAcceptance();
    this.#jobs = new Jobs({
      accepting: { ...{ store: this.#told.requests, directory, clock, replays: noReplays }, lookAtLog },
      timer: clock,
      exporting: { ...this.#writing(), directory: gatedDirectory, store: this.#told.requests },
      ...{ atOnce: 100, maxQueued: 0, signal },
      onCrash: error => this.errors.push(error),
    });
  }

  /** Begins as `run` does: what it follows is recorded, and exports that a dead process left go on. */
  async start(): Promise<void> {
    await this.warehouse.record(sources => withTopics(sources, this.source.topics()));
    await this.#jobs.recover();
  }

  /** Stops as `run` does. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#passingGates(this.#jobs.stopped());
    await this.save();
  }

  /** Opens all gates, one after another, until the work is done. */
  async #passingGates<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const end = (): void => {
      isDone = true;
    };
    work.then(end, end);
    while (!isDone) {
      this.gates.openAll();
      await new Promise(resolve => setImmediate(resolve));
    }
    return work;
  }

  save(): Promise<void> {
    return this.warehouse.record(sources => sources);
  }

  /** Looks as the service does every few seconds. */
  look(): void {
    const record = async (): Promise<void> => {
      const assignment = [...this.#parts.world.assigned.keys()].join();
      if (assignment === this.#recordedAssignment) return;
      await this.save();
      this.#recordedAssignment = assignment;
    };
    this.#watch
      .look()
      .then(record)
      .catch(() => undefined);
  }

  /** Lets the running look go on. A changed log ends the real service, which records it. */
  async stepLook(fails: boolean): Promise<void> {
    const { seenCut } = this.#parts.world;
    const isForgotten = this.#parts.mistake.seams?.includes('a cut is not recorded at once') ?? false;
    const before = seenCut.size;
    this.source.step(fails);
    await new Promise(resolve => setImmediate(resolve));
    if (seenCut.size > before && !isForgotten) await this.save();
  }

  /** Ends a source by hand; returns whether it is ended so. */
  async endByHand(partition: number): Promise<boolean> {
    const id = partitionOf(partition);
    await endPartition(this.warehouse, { partition: id, who: 'ann', clock: this.#parts.clock }).catch(error => {
      if (error.code !== 'PARTITION_UNKNOWN' && error.code !== 'PARTITION_READ') throw error;
    });
    return this.warehouse.sources().partitions.get(partitionName(id))?.end?.by === 'hand';
  }

  request(requestId: string, requested: Requested): void {
    const asker = { door: 'http', client: 'ann' } as const;
    this.#jobs
      .submit({ requestId, given: givenOf(requested, this.#parts.world), asker })
      .catch(error => this.errors.push(error));
  }

  /** Runs an export as the command does while no service runs. */
  async exportOffline(requestId: string, requested: Requested): Promise<void> {
    const { directory, clock, world } = this.#parts;
    const asker = { door: 'cli', client: 'ann' } as const;
    const given = givenOf({ ...requested, wait: 'none' }, world);
    const accepting = { store: this.#told.requests, directory, clock, ...withoutLog, replays: noReplays };
    const record = await acceptExport({ requestId, given, asker }, accepting);
    const writing = { ...this.#writing(), ...withoutLog, directory, signal: this.#stopping.signal };
    await this.#passingGates(runExport(record, { ...writing, store: this.#told.requests }));
  }

  /** Lets an export look whether it has waited enough. */
  step(requestId: string): void {
    this.gates.open(`step ${requestId}`);
  }

  /** An export that has waited enough does not open its snapshot yet. */
  holdSnapshot(requestId: string): void {
    this.#heldSnapshots.add(requestId);
  }

  /** Lets an export open its snapshot. */
  openSnapshot(requestId: string): void {
    this.#heldSnapshots.delete(requestId);
    this.gates.open(`snapshot ${requestId}`);
  }

  /** Lets the verdict of an export be recorded; its files get their names at once, or with the next call. */
  record(requestId: string, publishes: boolean): void {
    if (publishes) this.#unpublished.delete(requestId);
    else this.#unpublished.add(requestId);
    this.gates.open(`record ${requestId}`);
    if (publishes) this.gates.open(`publish ${requestId}`);
  }

  find(requestId: string): Promise<ExportRecord | null> {
    return this.#told.requests.find(requestId);
  }

  /** How the watch of each export begins again. */
  get watched(): ReadonlyMap<string, () => void> {
    return this.#told.watches;
  }

  giveUp(requestId: string): void {
    this.#waits.giveUp(requestId);
  }

  #writing(): Omit<Writing, 'directory' | 'signal'> {
    const { lateness, world } = this.#parts;
    const { snapshots, contradictions } = this.#told;
    const settings = { lateness, skewMs: world.setting.skewMs, software: 'simulated', replays: noReplays };
    return { snapshots, contradictions, ...settings, wait: (record, signal) => this.#waits.wait(record, signal) };
  }

  async #lookForAcceptance(): Promise<Look | null> {
    this.#acceptedLook = this.#parts.world.isFollowed ? await lookAt(this.#watch) : null;
    return this.#acceptedLook;
  }

  #judgeAgain({ plan }: ExportRecord): 'complete' | 'provisional' {
    const { lateness, world } = this.#parts;
    const ends = plan.look === null ? { from: 'latest look' as const } : { from: 'own look' as const, ...plan.look };
    const { timeFrom } = plan.parameters;
    const window = { timeFrom, timeTo: plan.timeTo, lateness, skewMs: world.setting.skewMs, splitServices: 0 };
    return judgeCompleteness({ ...window, ends, sources: this.warehouse.sources() }).status;
  }
}

function givenOf({ back, length, events, state, wait }: Requested, { now }: World) {
  const text = (tick: number): string => new Date(at(tick)).toISOString();
  return {
    ...{ file_prefix: 'x', format: 'ndjson', extensions: 'none', wait },
    ...{ time_from: text(now - back - length), time_to: text(now - back) },
    ...{ filter_events: events, filter_state: state },
  };
}
