import { basename } from 'node:path';
import type { Database } from '../../connectors/duckdb/file/database.ts';
import { readOverview } from '../../connectors/duckdb/overview.ts';
import type { Operations } from '../../connectors/http/operation-routes.ts';
import type { Lateness } from '../../pipeline/completeness/sources.ts';
import type { Warehouse } from '../../pipeline/ingest/warehouse.ts';
import { readPackage } from '../software.ts';
import type { Control } from './control.ts';
import { controlStatus } from './control-status.ts';
import type { EnvironmentWatch } from './environment-watch.ts';
import type { LiveSource } from './live-source.ts';
import type { LogWatch } from './log-watch.ts';
import type { ServiceMetrics } from './metrics.ts';
import { heldPartitions, unreadPartitions } from './partition-facts.ts';
import { endPartition, listPartitions } from './partition-list.ts';
import type { PartitionStatus } from './partition-status.ts';
import { type Unready, unreadiness } from './readiness.ts';
import type { RootWatch } from './root-watch.ts';
import { addServiceGauges } from './service-gauges.ts';
import { type Status, storedStatus } from './status.ts';

interface OperationsParts {
  readonly database: Database;
  readonly source: LiveSource;
  readonly watch: LogWatch;
  readonly environment: Pick<EnvironmentWatch, 'problems'>;
  readonly root: Pick<RootWatch, 'problem'>;
  readonly registry: { readonly problem: string | null } | null;
  readonly control: Control | null;
  readonly partitions: () => readonly PartitionStatus[];
  readonly warehouse: Pick<Warehouse, 'sources' | 'record'>;
  readonly lateness: Lateness;
  readonly metrics: ServiceMetrics;
}

/**
 * What an operator sees of the running service: readiness, state, metrics. To be called when the service starts, because it
 * notes that time.
 */
export function operationsOf(parts: OperationsParts): Operations {
  const { source, watch, environment, root, registry, control, metrics } = parts;
  const startedAt = Date.now();
  const reasons = (): readonly Unready[] =>
    unreadiness({
      source,
      watchProblem: watch.problem,
      registryProblem: registry?.problem ?? null,
      rootProblem: root.problem,
      held: heldPartitions(parts.warehouse.sources()),
      others: [...environment.problems, ...(control?.problems ?? [])],
    });
  addServiceGauges(metrics.registry, { reasons, source, watch });
  return {
    readiness: () => [...new Set(reasons().map(({ general }) => general))],
    status: () => runningStatus(parts, startedAt, reasons()),
    partitions: () => listPartitions(parts.warehouse.sources(), parts.lateness),
    endPartition: (partition, who) => endPartition(parts.warehouse, { partition, who, clock: { now: Date.now } }),
    async metrics() {
      return { contentType: metrics.registry.contentType, text: await metrics.registry.metrics() };
    },
  };
}

async function runningStatus(
  { database, warehouse, source, control, partitions }: OperationsParts,
  startedAt: number,
  reasons: readonly Unready[],
): Promise<Status> {
  const overview = await readOverview(database);
  return {
    version: readPackage().version,
    started_at: new Date(startedAt).toISOString(),
    source: source.name(),
    not_ready: reasons.map(({ detail }) => detail),
    unread_partitions: unreadPartitions(warehouse.sources()).length,
    ...storedStatus(overview, {
      // HTTP clients get the name of a log or file, not its path on this machine.
      partitions: partitions().map(status => ({ ...status, origin: basename(status.origin) })),
      control: controlStatus(overview.control, control?.ends ?? []),
    }),
  };
}
