import { resolve } from 'node:path';
import type { Database } from '../../connectors/duckdb/database.ts';
import { readOverview } from '../../connectors/duckdb/overview.ts';
import type { DuckDbWarehouse } from '../../connectors/duckdb/warehouse.ts';
import { openHttpServer } from '../../connectors/http/server.ts';
import type { ConfluentRegistry } from '../../connectors/schema-registry/confluent-registry.ts';
import { ingest, type StoredBatch } from '../../pipeline/ingest.ts';
import type { FoldedBatch, Log } from '../../pipeline/ports.ts';
import { withDatabase, withWarehouse } from '../main.ts';
import { withSchemaRegistry } from '../schema-registry.ts';
import type { Config } from '../settings.ts';
import { readPackage } from '../software.ts';
import { type LiveSource, openLiveSource } from './live-source.ts';
import { ServiceMetrics } from './metrics.ts';
import { type PartitionStatus, partitionName, partitionStatuses } from './partition-status.ts';
import { announceServer } from './server-file.ts';
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
  await withSchemaRegistry(config, tellProblem(log), registry =>
    withDatabase(config, database =>
      withWarehouse(database, warehouse => serve(new Service(running, { database, warehouse, registry }), running)),
    ),
  );
  if (signal.aborted) log.info({}, 'the service has stopped; all that was read is stored or will be read again');
}

async function serve(service: Service, { config, log }: Running): Promise<void> {
  const server = await openHttpServer({ host: config.http_host, port: config.http_port, operations: service });
  const withdraw = await announceServer(config.db, server.url);
  log.info({ url: server.url, db: resolve(config.db), version: readPackage().version }, 'the service is up');
  try {
    await service.run();
  } finally {
    await withdraw();
    await server.close();
  }
}

function tellProblem(log: Log): (problem: string | null) => void {
  return problem => {
    if (problem === null) log.info({}, 'the schema registry answers again');
    else log.error({}, `reading waits: ${problem}`);
  };
}

interface Parts {
  readonly database: Database;
  readonly warehouse: DuckDbWarehouse;
  /** Null where all records are JSON. */
  readonly registry: ConfluentRegistry | null;
}

class Service {
  readonly #running: Running;
  readonly #database: Database;
  readonly #warehouse: DuckDbWarehouse;
  readonly #registry: ConfluentRegistry | null;
  readonly #recordTimes = new Map<string, number>();
  readonly #metrics: ServiceMetrics;
  readonly #startedAt = Date.now();
  #source: LiveSource | null = null;
  #watch: Watch | null = null;

  constructor(running: Running, { database, warehouse, registry }: Parts) {
    this.#running = running;
    this.#database = database;
    this.#warehouse = warehouse;
    this.#registry = registry;
    this.#metrics = new ServiceMetrics(() => this.#partitions());
  }

  async run(): Promise<void> {
    const { config, log, signal } = this.#running;
    const source = await openLiveSource(config, log, signal);
    try {
      this.#source = source;
      this.#metrics.warn(source.warnings);
      log.info({ source: source.what }, 'reading begins');
      await this.#consume(source);
    } finally {
      await source.close();
    }
  }

  readiness(): readonly string[] {
    if (this.#source === null) return ['the source of events is not reached yet'];
    const reasons = [this.#watch?.problem ?? null, this.#registry?.problem ?? null];
    if (this.#source.assigned()?.length === 0) reasons.push('no partition is assigned to this process');
    return reasons.filter(reason => reason !== null);
  }

  async status(): Promise<object> {
    const overview = await readOverview(this.#database);
    return {
      version: readPackage().version,
      started_at: new Date(this.#startedAt).toISOString(),
      source: this.#source?.what ?? null,
      not_ready: this.readiness(),
      ...overview,
      partitions: this.#partitions(),
    };
  }

  async metrics() {
    return { contentType: this.#metrics.registry.contentType, text: await this.#metrics.registry.metrics() };
  }

  /** Reading and watching end together: whichever fails ends the other. */
  async #consume(source: LiveSource): Promise<void> {
    const { config, log, signal } = this.#running;
    const failed = new AbortController();
    const until = AbortSignal.any([signal, failed.signal]);
    this.#watch = new Watch({ source, positions: () => this.#warehouse.positions(), log, signal: until });
    const options = {
      keyFormat: config.key_format,
      registry: this.#registry,
      skewMs: config.skew_ms,
      clock: { now: Date.now },
      signal: until,
      onStored: (batch: FoldedBatch, stored: StoredBatch) => this.#stored(batch, stored),
    };
    const parts = [ingest(source, this.#warehouse, options), this.#watch.run()];
    for (const part of parts) part.catch(() => failed.abort());
    const ended = await Promise.allSettled(parts);
    const failure = ended.find(({ status }) => status === 'rejected');
    if (failure?.status === 'rejected') throw failure.reason;
  }

  #stored(batch: FoldedBatch, stored: StoredBatch): void {
    const { partition, from, next, recordsRead, applied, quarantined, lastRecordTime } = batch;
    if (lastRecordTime !== null) this.#recordTimes.set(partitionName(partition), lastRecordTime);
    this.#metrics.stored(batch, stored);
    this.#running.log.info(
      {
        ...partition,
        from,
        next: next.nextOffset,
        records: recordsRead,
        applied,
        quarantined: quarantined.length,
        ms: stored.milliseconds,
      },
      'batch stored',
    );
  }

  #partitions(): readonly PartitionStatus[] {
    return partitionStatuses({
      known: this.#warehouse.positions(),
      ends: this.#watch?.ends ?? [],
      recordTimes: this.#recordTimes,
      now: Date.now(),
    });
  }
}
