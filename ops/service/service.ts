import { resolve } from 'node:path';
import type { Database } from '../../connectors/duckdb/file/database.ts';
import type { DuckDbWarehouse } from '../../connectors/duckdb/warehouse.ts';
import type { ConfluentRegistry } from '../../connectors/schema-registry/confluent-registry.ts';
import { withChangedLog, withTopics } from '../../pipeline/completeness/changes.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { LogView } from '../../pipeline/export/log-wait.ts';
import type { StoredGroup } from '../../pipeline/ingest/ingest.ts';
import type { Log } from '../../pipeline/ports.ts';
import { refuseReplay } from '../../pipeline/replay/replay.ts';
import { releaseEnded } from '../../pipeline/requests/accept.ts';
import { type ExportParts, withDatabase, withExports, withWarehouse } from '../main.ts';
import { openRegistryHttp, openSchemaRegistry } from '../schema-registry.ts';
import type { Config } from '../settings/settings.ts';
import { readPackage } from '../software.ts';
import { Control } from './control.ts';
import { openDoor } from './door.ts';
import { DoorMetrics } from './door-metrics.ts';
import { EnvironmentWatch } from './environment-watch.ts';
import { ingestEvents } from './event-reading.ts';
import { openJobs } from './exports.ts';
import { type LiveSource, liveSource } from './live-source.ts';
import { logBadFile, logRegistryProblem } from './log.ts';
import { LogWatch } from './log-watch.ts';
import { ServiceMetrics } from './metrics.ts';
import { operationsOf } from './operations.ts';
import { partitionStatuses } from './partition-status.ts';
import { dropUnusedReplays, openReplays } from './replays.ts';
import { RootWatch } from './root-watch.ts';
import { StoredBatches } from './stored-batches.ts';

interface RunningService {
  readonly config: Config;
  readonly log: Log;
  /** Stops the service. */
  readonly signal: AbortSignal;
  /** How many lines of the log could not be written; absent where that is not counted. */
  readonly droppedLines?: () => number;
  /** Called with the error for which the service begins to stop, before all its parts have stopped. */
  readonly onFailure?: (error: unknown) => void;
}

/**
 * Consumes, folds and serves until the signal aborts; then stops in the order of the data: reading, the batches already
 * read, exports, statuses, HTTP, the database. Throws any error after which the service must not go on. The database is
 * opened first, because offsets come from it and its lock keeps every other process out.
 */
export async function runService(running: RunningService): Promise<void> {
  const { config, log, signal } = running;
  const registry = openSchemaRegistry(config, logRegistryProblem(log), logBadFile(log));
  await withDatabase(config, database =>
    withWarehouse(config, database, warehouse => {
      refuseReplay(warehouse.sources());
      return withExports(config, { database, signal, contradictions: warehouse }, exporting =>
        serve(running, { database, warehouse, registry, exporting }),
      );
    }),
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
async function serve(running: RunningService, parts: ServiceParts): Promise<void> {
  const { config, log, signal: stopped } = running;
  const { database, warehouse, registry, exporting } = parts;
  const crash = new AbortController();
  const onCrash = (error: unknown): void => crash.abort(error);
  crash.signal.addEventListener('abort', () => running.onFailure?.(crash.signal.reason));
  const signal = AbortSignal.any([stopped, crash.signal]);
  const metrics = new ServiceMetrics(running.droppedLines);
  const doorMetrics = new DoorMetrics(metrics.registry);
  const source = liveSource({ config, log, signal, onFinding: finding => metrics.addFinding(finding) });
  const http = openRegistryHttp(config, logBadFile(log));
  const environment = new EnvironmentWatch({ config, source, registry: http, metrics, log, signal });
  await warehouse.record(sources => withTopics(sources, source.topics()));
  const watch = new LogWatch({ source, warehouse, clock: exporting.clock, log, signal });
  const batches = new StoredBatches();
  const view = logView(watch, warehouse, batches);
  const asking = { config, log, exporting, metrics: doorMetrics, signal, onCrash };
  const jobs = await openJobs({ ...asking, view });
  const replays = await openReplays(asking);
  const root = new RootWatch({ directory: exporting.directory, onBack: () => releaseEnded(exporting), log, signal });
  const control = Control.open({ ...asking, jobs, replays, registry, metrics: metrics.registry });
  const partitions = () =>
    partitionStatuses(warehouse.sources(), { batches, lateness: exporting.lateness, now: Date.now() });
  metrics.addPartitionGauges(partitions, () => warehouse.sources());
  doorMetrics.addGauges({ database, jobs, replays });
  const operations = operationsOf({
    ...{ database, warehouse, source, watch, environment, root, registry, control, partitions, metrics },
    lateness: exporting.lateness,
  });
  const door = await openDoor({ config, log, database, exporting, operations, jobs, replays, metrics: doorMetrics });
  log.info({ url: door.url, db: resolve(config.db), version: readPackage().version }, 'the service is up');
  const rootWatched = root.run();
  try {
    await whileConnected(source, async () => {
      log.info({ source: source.name(), log_folder: config.log_folder }, 'reading begins');
      const onStored = (stored: StoredGroup): void => {
        metrics.stored(stored);
        for (const { facts } of stored.batches) batches.add(facts);
        exporting.store.reportChanges(stored.contradicted).catch(onCrash);
      };
      const ingested = ingestEvents({ config, source, warehouse, registry, log, signal, onStored });
      const requests = control?.read(() => source.assigned().length > 0);
      await untilAllStop([ingested, watch.run(), environment.run(), requests, dropUnusedReplays(asking)], crash);
    });
    // What the last looks found: the next start, and commands without a service, rest on it.
    await warehouse.record(sources => sources);
  } catch (error) {
    // What the other parts throw when one has failed is only that they were stopped. Exports do not wait for the log further.
    crash.abort(error);
    await recordChangedLog(crash.signal.reason, warehouse);
    throw crash.signal.reason;
  } finally {
    await rootWatched;
    await Promise.all([jobs.stopped(), replays.stopped()]);
    await control?.stop();
    await door.close();
  }
  // A part may have failed while it was being stopped.
  crash.signal.throwIfAborted();
}

/** The log as an export sees it while it waits. */
function logView(watch: LogWatch, warehouse: DuckDbWarehouse, batches: StoredBatches): LogView {
  return {
    look: () => watch.lookForExport(),
    sources: () => warehouse.sources(),
    nextBatch: until => batches.next(until),
  };
}

/** Keeps that a topic or partition is another one than what was stored, so that exports say so from now on. */
async function recordChangedLog(error: unknown, warehouse: DuckDbWarehouse): Promise<void> {
  if (!(error instanceof TidemarkError) || error.code !== 'SOURCE_CHANGED' || error.changed === null) return;
  const { topic, partition } = error.changed;
  const changed = Array.from(warehouse.sources().partitions.values(), source => source.partition).filter(
    known => known.topic === topic && (partition === null || known.partition === partition),
  );
  await warehouse.record(sources => withChangedLog(sources, changed, error.message));
}

async function whileConnected(source: LiveSource, run: () => Promise<void>): Promise<void> {
  try {
    await source.connect();
    await run();
  } finally {
    await source.close();
  }
}

/** Waits until every part has ended; the first that fails stops the others, and its error is thrown. */
async function untilAllStop(parts: readonly (Promise<unknown> | undefined)[], crash: AbortController): Promise<void> {
  for (const part of parts) part?.catch(error => crash.abort(error));
  await Promise.allSettled(parts);
  crash.signal.throwIfAborted();
}
