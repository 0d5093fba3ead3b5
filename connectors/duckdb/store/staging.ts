import type { DuckDBDataChunk } from '@duckdb/node-api';
import type { Fragment, ServiceFragments } from '../../../pipeline/ingest/fold.ts';
import type { FoldedBatch } from '../../../pipeline/ingest/warehouse.ts';
import { entityTables } from '../../../schemas/columns.ts';
import { type Entity, entities } from '../../../schemas/events/events.ts';
import { buildChunks } from '../vectors/row-chunks.ts';
import { rowKey } from '../vectors/row-key.ts';
import type { SeenKeys } from './seen-keys.ts';
import { ServiceChanges } from './service-changes.ts';
import {
  type BatchOrigin,
  deletionColumns,
  entityColumns,
  quarantineColumns,
  type StagedRow,
} from './staged-columns.ts';

/** One entity's rows of batches, grouped by how they are stored. */
interface StagedEntity {
  /** Rows that were never stored and have no end timestamp; appended to the open table. */
  readonly open: readonly DuckDBDataChunk[];
  /** Rows that were never stored and have an end timestamp; appended to the closed table. */
  readonly closed: readonly DuckDBDataChunk[];
  /** Rows that may be stored already; merged with the stored ones. */
  readonly seen: readonly DuckDBDataChunk[];
  readonly seenCount: number;
}

/** The rows of one batch, or of several that are stored together. */
export interface StagedRows {
  /** The number of the batch; of several, the first. */
  readonly number: number;
  readonly rows: Readonly<Record<Entity, StagedEntity>>;
  readonly deletions: readonly DuckDBDataChunk[];
  readonly deletedCount: number;
  readonly quarantined: readonly DuckDBDataChunk[];
}

export interface StagedBatch extends StagedRows {
  readonly changes: ServiceChanges;
}

/** The rows of batches that have no service in common. */
export function joinStaged(batches: readonly StagedRows[]): StagedRows {
  const [first] = batches;
  if (first === undefined) throw new Error('there is no batch to store');
  if (batches.length === 1) return first;
  const joined = (entity: Entity): StagedEntity => ({
    open: batches.flatMap(({ rows }) => rows[entity].open),
    closed: batches.flatMap(({ rows }) => rows[entity].closed),
    seen: batches.flatMap(({ rows }) => rows[entity].seen),
    seenCount: batches.reduce((sum, { rows }) => sum + rows[entity].seenCount, 0),
  });
  return {
    number: first.number,
    rows: { service: joined('service'), state: joined('state'), task: joined('task') },
    deletions: batches.flatMap(({ deletions }) => deletions),
    deletedCount: batches.reduce((sum, { deletedCount }) => sum + deletedCount, 0),
    quarantined: batches.flatMap(({ quarantined }) => quarantined),
  };
}

/**
 * Copies a batch's fragments, deletions and rejects into data chunks. Reads and writes no table. Adds the keys of its
 * rows to `seenKeys`. They stay there when the batch is not stored afterwards; its rows are then stored as late
 * fragments when they come again, which changes no result.
 */
export function stageBatch(
  { facts, fragments, rejects }: FoldedBatch,
  origin: BatchOrigin,
  seenKeys: SeenKeys,
): StagedBatch {
  const grouped = { service: new GroupedRows(), state: new GroupedRows(), task: new GroupedRows() };
  const deletions: Pick<StagedRow, 'serviceId' | 'serviceKey' | 'origin'>[] = [];
  const changes = new ServiceChanges();
  for (const [serviceId, service] of fragments) {
    const serviceKey = rowKey(serviceId, 0);
    changes.note({ serviceId, serviceKey, fragment: service.service.get(serviceId) }, seenKeys);
    if (service.deleted) deletions.push({ serviceId, serviceKey, origin });
    for (const entity of entities)
      groupFragments({ entity, serviceId, serviceKey, service, seenKeys, origin }, grouped[entity]);
  }
  return {
    number: origin.number,
    changes,
    rows: {
      service: buildEntityChunks('service', grouped.service),
      state: buildEntityChunks('state', grouped.state),
      task: buildEntityChunks('task', grouped.task),
    },
    deletions: buildChunks(deletionColumns, deletions),
    deletedCount: deletions.length,
    quarantined: buildChunks(
      quarantineColumns,
      rejects.map(entry => ({ ...entry, partition: facts.partition })),
    ),
  };
}

class GroupedRows {
  readonly open: StagedRow[] = [];
  readonly closed: StagedRow[] = [];
  readonly seen: StagedRow[] = [];
}

interface ServiceStaging {
  readonly entity: Entity;
  readonly serviceId: string;
  readonly serviceKey: number;
  readonly service: ServiceFragments;
  readonly seenKeys: SeenKeys;
  readonly origin: BatchOrigin;
}

/** Added to the service's key when a row's key is hashed, so that a state and a task with the same id differ. */
const seeds: Readonly<Record<Entity, number>> = { service: 0, state: 1, task: 2 };

const endColumns: Readonly<Record<Entity, number>> = {
  service: entityTables.service.values.indexOf('end_timestamp'),
  state: entityTables.state.values.indexOf('end_timestamp'),
  task: entityTables.task.values.indexOf('end_timestamp'),
};

function groupFragments(staging: ServiceStaging, grouped: GroupedRows): void {
  const { entity, serviceId, serviceKey, service, seenKeys, origin } = staging;
  for (const [id, fragment] of service[entity]) {
    const key = entity === 'service' ? serviceKey : rowKey(id, serviceKey + seeds[entity]);
    const row = { serviceId, id, key, serviceKey, fragment, origin };
    if (seenKeys.add(key)) grouped.seen.push(row);
    else if (isOpen(entity, fragment)) grouped.open.push(row);
    else grouped.closed.push(row);
  }
}

function isOpen(entity: Entity, { columns }: Fragment): boolean {
  return columns[endColumns[entity]] === undefined;
}

function buildEntityChunks(entity: Entity, { open, closed, seen }: GroupedRows): StagedEntity {
  const columns = entityColumns[entity];
  return {
    open: buildChunks(columns, open),
    closed: buildChunks(columns, closed),
    seen: buildChunks(columns, seen),
    seenCount: seen.length,
  };
}
