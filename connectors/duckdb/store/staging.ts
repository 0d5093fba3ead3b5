import type { DuckDBDataChunk } from '@duckdb/node-api';
import type { Fragment, ServiceFragments } from '../../../pipeline/ingest/fold.ts';
import type { FoldedBatch } from '../../../pipeline/ingest/warehouse.ts';
import { entityTables } from '../../../schemas/columns.ts';
import { type Entity, entities } from '../../../schemas/events/events.ts';
import { type StoredExtension, storedExtension } from '../../../schemas/events/extensions.ts';
import { buildChunks } from '../vectors/row-chunks.ts';
import { rowKey } from '../vectors/row-key.ts';
import type { ApartRows } from './apart-rows.ts';
import type { SeenKeys } from './seen-keys.ts';
import { ServiceChanges } from './service-changes.ts';
import {
  apartColumns,
  type BatchOrigin,
  deletionColumns,
  entityColumns,
  quarantineColumns,
  type StagedApart,
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
  /** Extensions that are kept apart from their rows. */
  readonly apart: readonly DuckDBDataChunk[];
}

/** The rows of one batch, or of several that are stored together. */
export interface StagedRows {
  /** The number of the batch; of several, the first. */
  readonly number: number;
  readonly rows: Readonly<Record<Entity, StagedEntity>>;
  readonly deletions: readonly DuckDBDataChunk[];
  readonly deletedCount: number;
  /** False when certainly no deleted service has extensions that are kept apart. */
  readonly deletesApart: boolean;
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
    apart: batches.flatMap(({ rows }) => rows[entity].apart),
  });
  return {
    number: first.number,
    rows: { service: joined('service'), state: joined('state'), task: joined('task') },
    deletions: batches.flatMap(({ deletions }) => deletions),
    deletedCount: batches.reduce((sum, { deletedCount }) => sum + deletedCount, 0),
    deletesApart: batches.some(({ deletesApart }) => deletesApart),
    quarantined: batches.flatMap(({ quarantined }) => quarantined),
  };
}

/** What is known of the stored rows. */
export interface StoredKeys {
  readonly seenKeys: SeenKeys;
  readonly apartRows: ApartRows;
}

/**
 * Copies a batch's fragments, deletions and rejects into data chunks. Reads and writes no table. Adds the keys of its
 * rows to `keys`. They stay there when the batch is not stored afterwards; when its rows come again, they are then stored
 * as late fragments, and some extensions apart, which changes no result.
 */
export function stageBatch(
  { facts, fragments, rejects }: FoldedBatch,
  origin: BatchOrigin,
  keys: StoredKeys,
): StagedBatch {
  const { seenKeys } = keys;
  const grouped = { service: new GroupedRows(), state: new GroupedRows(), task: new GroupedRows() };
  const deletions: Pick<StagedRow, 'serviceId' | 'serviceKey' | 'origin'>[] = [];
  const changes = new ServiceChanges();
  for (const [serviceId, service] of fragments) {
    const serviceKey = rowKey(serviceId, 0);
    changes.note({ serviceId, serviceKey, fragment: service.service.get(serviceId) }, seenKeys);
    if (service.deleted) deletions.push({ serviceId, serviceKey, origin });
    for (const entity of entities)
      groupFragments({ entity, serviceId, serviceKey, service, keys, origin }, grouped[entity]);
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
    deletesApart: deletions.some(({ serviceKey }) => keys.apartRows.hasService(serviceKey)),
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
  readonly apart: StagedApart[] = [];
}

interface ServiceStaging {
  readonly entity: Entity;
  readonly serviceId: string;
  readonly serviceKey: number;
  readonly service: ServiceFragments;
  readonly keys: StoredKeys;
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
  const { entity, serviceId, serviceKey, service, keys, origin } = staging;
  for (const [id, fragment] of service[entity]) {
    const key = entity === 'service' ? serviceKey : rowKey(id, serviceKey + seeds[entity]);
    const extensions = storedExtensions(fragment);
    const ofTexts = textBytes(fragment);
    const isApart = keys.apartRows.add({ key, serviceKey }, bytesOf(extensions), ofTexts);
    const own = isApart ? null : extensions;
    // A row holds the values of its extensions twice: as JSON, and flattened.
    const bytes = ofTexts + 2 * bytesOf(own);
    const row = { serviceId, id, key, serviceKey, fragment, extensions: own, bytes, origin };
    if (isApart) for (const [place, extension] of extensions!.entries()) grouped.apart.push({ row, extension, place });
    if (keys.seenKeys.add(key)) {
      grouped.seen.push(row);
      keys.apartRows.noteWrittenAnew(key);
    } else if (isOpen(entity, fragment)) grouped.open.push(row);
    else grouped.closed.push(row);
  }
}

function storedExtensions({ extensions }: Fragment): readonly StoredExtension[] | null {
  return extensions === null ? null : Array.from(extensions, ([name, value]) => storedExtension(name, value));
}

function bytesOf(extensions: readonly StoredExtension[] | null): number {
  return extensions === null ? 0 : extensions.reduce((sum, { name, json }) => sum + name.length + json.length, 0);
}

const bytesOfRow = ({ bytes }: StagedRow): number => bytes;

function textBytes({ columns }: Fragment): number {
  let bytes = 0;
  for (const value of columns) if (typeof value === 'string') bytes += value.length;
  return bytes;
}

function isOpen(entity: Entity, { columns }: Fragment): boolean {
  return columns[endColumns[entity]] === undefined;
}

function buildEntityChunks(entity: Entity, { open, closed, seen, apart }: GroupedRows): StagedEntity {
  const columns = entityColumns[entity];
  return {
    open: buildChunks(columns, open, bytesOfRow),
    closed: buildChunks(columns, closed, bytesOfRow),
    seen: buildChunks(columns, seen, bytesOfRow),
    seenCount: seen.length,
    apart: buildChunks(apartColumns[entity], apart, ({ extension }) => extension.json.length),
  };
}
