import { resolve } from 'node:path';
import type { Database } from '../../connectors/duckdb/file/database.ts';
import type { DuckDbWarehouse } from '../../connectors/duckdb/warehouse.ts';
import type { ConfluentRegistry } from '../../connectors/schema-registry/confluent-registry.ts';
import type { LogView } from '../../pipeline/export/log-wait.ts';
import { ingest, type StoredBatch } from '../../pipeline/ingest/ingest.ts';
import type { BatchFacts } from '../../pipeline/ingest/warehouse.ts';
import type { Log } from '../../pipeline/ports.ts';
import { type ExportParts, withDatabase, withExports, withWarehouse } from '../main.ts';
import { openSchemaRegistry } from '../schema-registry.ts';
import type { Config } from '../settings/settings.ts';
import { readPackage } from '../software.ts';
import { Control } from './control.ts';
import { checkDoor, openDoor } from './door.ts';
import { DoorMetrics } from './door-metrics.ts';
import { openJobs } from './exports.ts';
import { type LiveSource, liveSource } from './live-source.ts';
import { logBatch, logRegistryProblem } from './log.ts';
import { assignedEnds, LogWatch } from './log-watch.ts';
import { ServiceMetrics } from './metrics.ts';
import { operationsOf } from './operations.ts';
import { partitionStatuses } from './partition-status.ts';
import { StoredBatches } from './stored-batches.ts';

interface RunningService {
  readonly config: Config;
  readonly log: Log;
  /** Stops the service. */
  readonly signal: AbortSignal;
}

/**
 * Consumes, folds and serves until the signal aborts; then stops in the order of the data: reading, the batches already
 * read, exports, statuses, HTTP, the database. Throws any error after which the service must not go on. The database is
 * opened first, because offsets come from it and its lock keeps every other process out.
 */
export async function runService(running: RunningService): Promise<void> {
  const { config, log, signal } = running;
  checkDoor(config);
  const registry = openSchemaRegistry(config, logRegistryProblem(log));
  await withDatabase(config, database =>
    withWarehouse(database, warehouse =>
      withExports(config, { database, signal }, exporting =>
        serve(running, { database, warehouse, registry, exporting }),
      ),
    ),
  );
  if (signal.aborted) log.info({}, 'the service has stopped; all that was read is stored or will be read again');
}

interface ServiceParts {
  readonly database: Database;
  readonly warehouse: DuckDbWarehouse;
  /** Null where all records are JSON. */
  readonly registry: ConfluentRegistry | null;
  readonly exporting: ExportParts;
}

/** Makes the parts of the service, each after the parts that it needs, and runs them. */
async function serve({ config, log, signal: stopped }: RunningService, parts: ServiceParts): Promise<void> {
  const { database, warehouse, registry, exporting } = parts;
  const crash = new AbortController();
  const onCrash = (error: unknown): void => crash.abort(error);
  const signal = AbortSignal.any([stopped, crash.signal]);
  const positions = () => warehouse.positions();

  const metrics = new ServiceMetrics();
  const doorMetrics = new DoorMetrics(metrics.registry);
  const source = liveSource({ config, log, signal, onWarning: warning => metrics.warn(warning) });
  const watch = new LogWatch({ source, positions, log, signal });
  const batches = new StoredBatches();
  const view = logView(config, { source, watch, batches, positions });
  const jobs = await openJobs({ config, log, exporting, view, metrics: doorMetrics, signal, onCrash });
  const control = Control.open({ config, log, exporting, jobs, registry, metrics: metrics.registry, signal, onCrash });
  const partitions = () =>
    partitionStatuses({ known: positions(), ends: watch.ends, recordTimes: batches.recordTimes, now: Date.now() });
  metrics.addPartitionGauges(partitions);
  doorMetrics.addGauges({ database, jobs });
  const operations = operationsOf({ database, source, watch, registry, control, partitions, metrics });
  const door = await openDoor({ config, log, database, exporting, operations, jobs, metrics: doorMetrics });
  log.info({ url: door.url, db: resolve(config.db), version: readPackage().version }, 'the service is up');
  try {
    await whileConnected(source, async () => {
      log.info({ source: source.name(), log_folder: config.log_folder }, 'reading begins');
      const onStored = (batch: BatchFacts, stored: StoredBatch): void => {
        metrics.stored(batch, stored);
        batches.add(batch);
        logBatch(batch, stored, log);
      };
      const ingested = ingest(source, warehouse, { ...ingestOptionsOf(config), registry, signal, onStored });
      const requests = control?.read(() => source.assigned()?.length !== 0);
      await untilAllStop([ingested, watch.run(), requests], crash);
    });
  } finally {
    await jobs.stopped();
    await control?.stop();
    await door.close();
  }
}

async function whileConnected(source: LiveSource, run: () => Promise<void>): Promise<void> {
  try {
    await source.connect();
    await run();
  } finally {
    await source.close();
  }
}

interface LogViewParts {
  readonly source: LiveSource;
  readonly watch: LogWatch;
  readonly batches: StoredBatches;
  readonly positions: LogView['positions'];
}

/** The log as an export sees it while it waits. */
function logView(config: Config, { source, watch, batches, positions }: LogViewParts): LogView {
  return {
    ends() {
      const problem = source.name() === null ? source.problem() : watch.problem;
      return assignedEnds(source, { problem, isFixed: config.kafka_partitions !== null });
    },
    positions,
    nextBatch: signal => batches.next(signal),
  };
}

function ingestOptionsOf({ key_format: keyFormat, skew_ms: skewMs }: Config) {
  return { keyFormat, skewMs, clock: { now: Date.now } };
}

/** Waits until every part has ended; the first that fails stops the others, and its error is thrown. */
async function untilAllStop(parts: readonly (Promise<unknown> | undefined)[], crash: AbortController): Promise<void> {
  for (const part of parts) part?.catch(error => crash.abort(error));
  await Promise.allSettled(parts);
  crash.signal.throwIfAborted();
}
