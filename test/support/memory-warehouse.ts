import { withBatch } from '../../pipeline/completeness/changes.ts';
import { findContradictions, type WatchedWindow, WindowIndex } from '../../pipeline/completeness/contradictions.ts';
import {
  type Lateness,
  noSources,
  positionsOf,
  type Source,
  type Sources,
} from '../../pipeline/completeness/sources.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { FileKind, Layout, Selection } from '../../pipeline/export/selection.ts';
import type { Snapshot, SnapshotReader } from '../../pipeline/export/snapshot.ts';
import type { FoldedBatch, SourcesChange, Warehouse } from '../../pipeline/ingest/warehouse.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { Clock, StoredPosition } from '../../pipeline/ports.ts';
import { type MemoryContradiction, MemoryRequestStore } from './memory-requests.ts';
import { MemoryRows, timesOf } from './memory-rows.ts';

/** What a store in memory has recorded. It outlives the processes that open it, as a file does. */
export class MemoryDatabase {
  readonly rows = new MemoryRows();
  readonly contradictions: MemoryContradiction[] = [];
  readonly requests = new MemoryRequestStore(this.contradictions);
  sources: Sources = noSources;
  /** The number of the last batch; 0 before the first. */
  batch = 0;
}

interface MemoryWarehouseOptions {
  readonly clock: Clock;
  readonly lateness: Lateness;
}

/** Stores batches as the database does, in memory. A new one over the same `MemoryDatabase` is the store after a crash. */
export class MemoryWarehouse implements Warehouse, SnapshotReader {
  readonly #database: MemoryDatabase;
  readonly #options: MemoryWarehouseOptions;
  readonly #windows: Map<string, WatchedWindow>;
  #index: WindowIndex;
  #sources: Sources;
  #lastWork: Promise<unknown> = Promise.resolve();
  #failure: { readonly error: unknown } | null = null;

  constructor(database: MemoryDatabase, options: MemoryWarehouseOptions) {
    this.#database = database;
    this.#options = options;
    this.#sources = database.sources;
    const complete = Array.from(database.requests.records.values()).filter(
      ({ state, manifest }) => manifest?.status === 'complete' && (state === 'publishing' || state === 'completed'),
    );
    this.#windows = new Map(
      complete.map(({ requestId, plan }) => {
        const { timeFrom, filterEvents } = plan.parameters;
        return [requestId, { requestId, timeFrom, timeTo: plan.timeTo, filterEvents }];
      }),
    );
    this.#index = new WindowIndex([...this.#windows.values()]);
  }

  positions(): readonly StoredPosition[] {
    return positionsOf(this.#sources);
  }

  beginReading(): readonly StoredPosition[] {
    this.#failure = null;
    return this.positions();
  }

  sources(): Sources {
    return this.#sources;
  }

  note(change: SourcesChange): void {
    this.#sources = change(this.#sources);
  }

  record(change: SourcesChange): Promise<void> {
    return this.#inTurn(() => {
      this.#sources = change(this.#sources);
      this.#database.sources = recorded(this.#sources);
    });
  }

  watch(window: WatchedWindow): void {
    this.#windows.set(window.requestId, window);
    this.#index = new WindowIndex([...this.#windows.values()]);
  }

  unwatch(requestId: string): void {
    if (this.#windows.delete(requestId)) this.#index = new WindowIndex([...this.#windows.values()]);
  }

  store(...batches: readonly FoldedBatch[]): Promise<readonly string[]> {
    return this.#inTurn(() => {
      if (this.#failure !== null) throw this.#failure.error;
      try {
        for (const { facts } of batches) checkFollows({ facts }, this.#sources);
        return [...new Set(batches.flatMap(batch => this.#storeOne(batch)))];
      } catch (error) {
        this.#failure = { error };
        throw error;
      }
    });
  }

  #storeOne({ facts, fragments, timeline }: FoldedBatch): readonly string[] {
    const { rows } = this.#database;
    const name = partitionName(facts.partition);
    const storedTimes = (serviceId: string) => {
      const known = rows.get(serviceId);
      return known === undefined ? undefined : timesOf(known);
    };
    const found = this.#windows.size === 0 ? [] : findContradictions(timeline, storedTimes, this.#index);
    this.#database.batch += 1;
    const { batch } = this.#database;
    const at = this.#options.clock.now();
    this.#database.contradictions.push(...found.map(each => ({ ...each, ...facts.partition, batch, at })));
    rows.merge(fragments, facts.kind === 'file' ? 'files' : name);
    this.#sources = withBatch(this.#sources, facts, this.#options.lateness);
    this.#recordSource(name);
    return found.map(({ requestId }) => requestId);
  }

  async snapshot(selection: Selection, _layout: Layout): Promise<Snapshot> {
    const { sources, batch, rows } = this.#database;
    const services = rows.select(selection);
    const idsOf = (kind: FileKind) => services.flatMap(service => [...service.rows[entities[kind]].keys()]);
    return {
      ...{ sources, batch, schemaIds: [] },
      splitServices: services.filter(service => rows.isSplit(service)).length,
      servicesWithoutStart: services.filter(service => timesOf(service).start === null).length,
      write: async (kind, sink) => {
        const ids = idsOf(kind);
        await sink(Buffer.from(ids.map(id => `${JSON.stringify({ [`${entities[kind]}_id`]: id })}\n`).join('')));
        return { rows: ids.length, columns: [], valuesLeftOut: 0 };
      },
      interrupt: () => undefined,
      close: async () => undefined,
    };
  }

  /** A batch records what is noted of its own source, the readings and the settings of decoding. */
  #recordSource(name: string): void {
    const { partitions, readings, decodings } = this.#sources;
    const known = new Map(this.#database.sources.partitions).set(name, recordedSource(partitions.get(name)!));
    this.#database.sources = { ...this.#database.sources, partitions: known, readings, decodings };
  }

  /** Work is done in the order of the calls. */
  #inTurn<T>(work: () => T): Promise<T> {
    const done = this.#lastWork.then(work);
    this.#lastWork = done.catch(() => undefined);
    return done;
  }
}

const entities = { services: 'service', states: 'state', tasks: 'task' } as const;

function recorded(sources: Sources): Sources {
  const partitions = Array.from(sources.partitions, ([name, source]) => [name, recordedSource(source)] as const);
  return { ...sources, partitions: new Map(partitions) };
}

/** A source without what is not kept: whether it is read, and the looks whose ends are not stored. */
function recordedSource(source: Source): Source {
  return { ...source, assignedAt: null, stableSince: null, pending: [] };
}

function checkFollows({ facts }: Pick<FoldedBatch, 'facts'>, { partitions }: Sources): void {
  const { partition, from, next, lost } = facts;
  const stored = partitions.get(partitionName(partition))?.nextOffset ?? lost?.from ?? from;
  const follows = lost === null ? from === stored : lost.from === stored && lost.to === from;
  if (follows && next.nextOffset >= from) return;
  throw new TidemarkError('STALE_BATCH', `the stored offset of ${partitionName(partition)} is ${stored}, not ${from}`);
}
