import { EventEmitter, once } from 'node:events';
import { basename, resolve } from 'node:path';
import type { Database } from '../../connectors/duckdb/file/database.ts';
import { readTableSizes } from '../../connectors/duckdb/file/table-sizes.ts';
import { readOverview } from '../../connectors/duckdb/overview.ts';
import type { DuckDbWarehouse } from '../../connectors/duckdb/warehouse.ts';
import type { Answered } from '../../connectors/http/audit.ts';
import type { TopicWarning } from '../../connectors/kafka/topics/topic-checks.ts';
import type { ConfluentRegistry } from '../../connectors/schema-registry/confluent-registry.ts';
import { ingest, type StoredBatch } from '../../pipeline/ingest/ingest.ts';
import type { BatchFacts } from '../../pipeline/ingest/warehouse.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { Log, LogEnd } from '../../pipeline/ports.ts';
import type { Jobs } from '../../pipeline/requests/jobs.ts';
import { type ExportParts, withDatabase, withExports, withWarehouse } from '../main.ts';
import { openSchemaRegistry } from '../schema-registry.ts';
import type { Config } from '../settings.ts';
import { readPackage } from '../software.ts';
import { Control } from './control.ts';
import { ControlMetrics } from './control-metrics.ts';
import { controlStatus } from './control-status.ts';
import { checkDoor, openDoor } from './door.ts';
import { DoorMetrics } from './door-metrics.ts';
import { openJobs } from './exports.ts';
import { type LiveSource, openLiveSource } from './live-source.ts';
import { tellBatch, tellRegistryProblem } from './log.ts';
import { ServiceMetrics } from './metrics.ts';
import { ownEnds } from './own-ends.ts';
import { type PartitionStatus, partitionStatuses } from './partition-status.ts';
import { type Unready, unreadiness } from './readiness.ts';
import { Watch } from './watch.ts';

export interface Running {
  readonly config: Config;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Consumes, folds and serves until the signal aborts; then ends in the order of the data: reading, the batch in hand, the
 * door, the database. Throws what makes going on wrong. Offsets come from the database, which is opened first: its lock
 * keeps every other process out.
 */
export async function runService(running: Running): Promise<void> {
  const { config, log, signal } = running;
  const registry = openSchemaRegistry(config, tellRegistryProblem(log));
  checkDoor(config);
  await withDatabase(config, database =>
    withWarehouse(database, warehouse =>
      withExports(config, { database, signal }, async exporting => {
        const service = new Service(running, { database, warehouse, registry, exporting });
        const jobs = await service.openJobs();
        service.openControl(jobs);
        await serve(service, jobs, running);
      }),
    ),
  );
  if (signal.aborted) log.info({}, 'the service has stopped; all that was read is stored or will be read again');
}

async function serve(service: Service, jobs: Jobs, { config, log }: Running): Promise<void> {
  const door = await service.openDoor(jobs);
  log.info({ url: door.url, db: resolve(config.db), version: readPackage().version }, 'the service is up');
  try {
    await service.run();
  } finally {
    await jobs.stopped();
    await service.stopControl();
    await door.close();
  }
}

interface Parts {
  readonly database: Database;
  readonly warehouse: DuckDbWarehouse;
  /** Null where all records are JSON. */
  readonly registry: ConfluentRegistry | null;
  readonly exporting: ExportParts;
}

class Service {
  readonly #running: Running;
  readonly #parts: Parts;
  readonly #failed = new AbortController();
  /** Aborts when the service is to stop, or cannot go on. */
  readonly #until: AbortSignal;
  readonly #batches = new EventEmitter();
  readonly #recordTimes = new Map<string, number>();
  readonly #metrics: ServiceMetrics;
  readonly #doorMetrics: DoorMetrics;
  readonly #startedAt = Date.now();
  #source: LiveSource | null = null;
  #sourceProblem = 'the source of events is not reached yet';
  #watch: Watch | null = null;
  #control: Control | null = null;
  #jobs: Jobs | null = null;

  constructor(running: Running, parts: Parts) {
    this.#running = running;
    this.#parts = parts;
    this.#until = AbortSignal.any([running.signal, this.#failed.signal]);
    // As many exports as there are may wait for the next batch.
    this.#batches.setMaxListeners(0);
    this.#metrics = new ServiceMetrics(() => this.#partitions());
    this.#doorMetrics = new DoorMetrics(this.#metrics.registry, {
      db: parts.database.path,
      waiting: () => this.#jobs?.waiting ?? 0,
      running: () => this.#jobs?.running ?? 0,
      sizes: () => readTableSizes(parts.database),
    });
  }

  async run(): Promise<void> {
    const { config, log } = this.#running;
    const onProblem = (problem: string): void => {
      this.#sourceProblem = problem;
    };
    const onWarning = (warning: TopicWarning): void => this.#metrics.warn(warning);
    const source = await openLiveSource(config, { log, signal: this.#until, onProblem, onWarning });
    try {
      this.#source = source;
      log.info({ source: source.what, log_folder: config.log_folder }, 'reading begins');
      await this.#consume(source);
    } finally {
      await source.close();
    }
  }

  readiness(): readonly string[] {
    return this.#unready().map(({ general }) => general);
  }

  #unready(): readonly Unready[] {
    return unreadiness({
      source: this.#source,
      sourceProblem: this.#sourceProblem,
      watchProblem: this.#watch?.problem ?? null,
      registryProblem: this.#parts.registry?.problem ?? null,
      control: this.#control?.problems ?? [],
    });
  }

  async status(): Promise<object> {
    const overview = await readOverview(this.#parts.database);
    return {
      version: readPackage().version,
      started_at: new Date(this.#startedAt).toISOString(),
      source: this.#source?.what ?? null,
      not_ready: this.#unready().map(({ detail }) => detail),
      ...overview,
      // By HTTP no path of this machine is told, only how a log or file is called.
      partitions: this.#partitions().map(of => ({ ...of, origin: basename(of.origin) })),
      control: controlStatus(overview.control, this.#control?.ends ?? []),
    };
  }

  async metrics() {
    return { contentType: this.#metrics.registry.contentType, text: await this.#metrics.registry.metrics() };
  }

  openDoor(jobs: Jobs) {
    const { config, log } = this.#running;
    const { database, exporting } = this.#parts;
    const onAnswered = (answered: Answered): void => this.#doorMetrics.answered(answered);
    return openDoor({ config, log, database, exporting, operations: this, jobs, onAnswered });
  }

  /** Exports that wait for the log look at it through the service. */
  async openJobs(): Promise<Jobs> {
    const { config, log } = this.#running;
    const positions = () => this.#parts.warehouse.positions();
    this.#jobs = await openJobs({
      config,
      log,
      parts: this.#parts.exporting,
      signal: this.#until,
      view: { ends: () => this.#ends(), positions, nextBatch: signal => this.#nextBatch(signal) },
      onChange: (view, milliseconds) => this.#doorMetrics.changed(view, milliseconds),
      onCrash: error => this.#failed.abort(error),
    });
    return this.#jobs;
  }

  /** Opens the control topic and the status topic, where they are configured. */
  openControl(jobs: Jobs): void {
    const { config, log } = this.#running;
    const { registry, exporting } = this.#parts;
    const { store } = exporting;
    const onCrash = (error: unknown): void => this.#failed.abort(error);
    this.#control = Control.of({ config, log, store, jobs, registry, signal: this.#until, onCrash });
    if (this.#control === null) return;
    this.#control.publish(new ControlMetrics(this.#metrics.registry, () => store.outbox.count()));
  }

  async stopControl(): Promise<void> {
    await this.#control?.stop();
  }

  #ends(): Promise<readonly LogEnd[]> {
    const problem = this.#source === null ? this.#sourceProblem : (this.#watch?.problem ?? null);
    return ownEnds(this.#source, { problem, isFixed: this.#running.config.kafka_partitions !== null });
  }

  async #nextBatch(signal: AbortSignal): Promise<void> {
    await once(this.#batches, 'stored', { signal }).catch(() => undefined);
  }

  /** Reading and watching end together: whichever fails ends the other. */
  async #consume(source: LiveSource): Promise<void> {
    const { config, log } = this.#running;
    const { warehouse, registry } = this.#parts;
    const signal = this.#until;
    this.#watch = new Watch({ source, positions: () => warehouse.positions(), log, signal });
    const options = {
      keyFormat: config.key_format,
      registry,
      skewMs: config.skew_ms,
      clock: { now: Date.now },
      signal,
      onStored: (batch: BatchFacts, stored: StoredBatch) => this.#stored(batch, stored),
    };
    const isReady = (): boolean => source.assigned()?.length !== 0;
    const control = this.#control?.read(isReady) ?? Promise.resolve();
    const parts = [ingest(source, warehouse, options), this.#watch.run(), control];
    for (const part of parts) part.catch(error => this.#failed.abort(error));
    await Promise.allSettled(parts);
    if (this.#failed.signal.aborted) throw this.#failed.signal.reason;
  }

  #stored(batch: BatchFacts, stored: StoredBatch): void {
    const { partition, lastRecordTime } = batch;
    if (lastRecordTime !== null) this.#recordTimes.set(partitionName(partition), lastRecordTime);
    this.#metrics.stored(batch, stored);
    this.#batches.emit('stored');
    tellBatch(batch, stored, this.#running.log);
  }

  #partitions(): readonly PartitionStatus[] {
    return partitionStatuses({
      known: this.#parts.warehouse.positions(),
      ends: this.#watch?.ends ?? [],
      recordTimes: this.#recordTimes,
      now: Date.now(),
    });
  }
}
