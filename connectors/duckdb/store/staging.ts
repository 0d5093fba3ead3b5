import type { DuckDBDataChunk } from '@duckdb/node-api';
import type { Fragment, ServiceFragments } from '../../../pipeline/ingest/fold.ts';
import type { FoldedBatch } from '../../../pipeline/ingest/warehouse.ts';
import { entityTables } from '../../../schemas/columns.ts';
import { type Entity, entities } from '../../../schemas/events/events.ts';
import { chunksOf } from '../vectors/row-chunks.ts';
import { rowKey } from '../vectors/row-key.ts';
import type { SeenKeys } from './seen-keys.ts';
import { type BatchMark, deletionColumns, entityColumns, quarantineColumns, type StagedRow } from './staged-columns.ts';

/** One entity's rows of a batch, by the way they take into the tables. */
interface StagedRows {
  /** Certainly never stored before: appended at once, without and with an end side. */
  readonly open: readonly DuckDBDataChunk[];
  readonly closed: readonly DuckDBDataChunk[];
  /** Perhaps stored before: merged with what is. */
  readonly seen: readonly DuckDBDataChunk[];
  readonly seenCount: number;
}

export interface StagedBatch {
  readonly number: number;
  readonly source: number;
  readonly rows: Readonly<Record<Entity, StagedRows>>;
  readonly deletions: readonly DuckDBDataChunk[];
  readonly deletedCount: number;
  readonly quarantined: readonly DuckDBDataChunk[];
}

/** Lays out a batch's fragments, deletions and rejects as DuckDB holds them. Touches no table. */
export function stageBatch(
  { facts, fragments, rejects }: FoldedBatch,
  mark: BatchMark,
  seenKeys: SeenKeys,
): StagedBatch {
  const sorted = { service: new SortedRows(), state: new SortedRows(), task: new SortedRows() };
  const deletions: { service_id: string; service_key: number; batch: number }[] = [];
  for (const [serviceId, service] of fragments) {
    const serviceKey = rowKey(serviceId, 0);
    if (service.deleted) deletions.push({ service_id: serviceId, service_key: serviceKey, batch: mark.number });
    for (const entity of entities)
      sortFragments({ entity, serviceId, serviceKey, service, seenKeys, mark }, sorted[entity]);
  }
  return {
    ...mark,
    rows: {
      service: chunksOfRows('service', sorted.service),
      state: chunksOfRows('state', sorted.state),
      task: chunksOfRows('task', sorted.task),
    },
    deletions: chunksOf(deletionColumns, deletions),
    deletedCount: deletions.length,
    quarantined: chunksOf(
      quarantineColumns,
      rejects.map(entry => ({ ...entry, partition: facts.partition })),
    ),
  };
}

class SortedRows {
  readonly open: StagedRow[] = [];
  readonly closed: StagedRow[] = [];
  readonly seen: StagedRow[] = [];
}

interface FragmentStaging {
  readonly entity: Entity;
  readonly serviceId: string;
  readonly serviceKey: number;
  readonly service: ServiceFragments;
  readonly seenKeys: SeenKeys;
  readonly mark: BatchMark;
}

/** A state and a task of one id must not share a key, nor the same id of two services. */
const seeds: Readonly<Record<Entity, number>> = { service: 0, state: 1, task: 2 };

const endColumns: Readonly<Record<Entity, number>> = {
  service: entityTables.service.values.indexOf('end_timestamp'),
  state: entityTables.state.values.indexOf('end_timestamp'),
  task: entityTables.task.values.indexOf('end_timestamp'),
};

function sortFragments(staging: FragmentStaging, sorted: SortedRows): void {
  const { entity, serviceId, serviceKey, service, seenKeys, mark } = staging;
  for (const [id, fragment] of service[entity]) {
    const key = entity === 'service' ? serviceKey : rowKey(id, serviceKey + seeds[entity]);
    const row = { serviceId, id, key, serviceKey, fragment, mark };
    if (seenKeys.add(key)) sorted.seen.push(row);
    else if (isOpen(entity, fragment)) sorted.open.push(row);
    else sorted.closed.push(row);
  }
}

function isOpen(entity: Entity, { columns }: Fragment): boolean {
  return columns[endColumns[entity]] === undefined;
}

function chunksOfRows(entity: Entity, { open, closed, seen }: SortedRows): StagedRows {
  const columns = entityColumns[entity];
  return {
    open: chunksOf(columns, open),
    closed: chunksOf(columns, closed),
    seen: chunksOf(columns, seen),
    seenCount: seen.length,
  };
}
