import type { Family, Fragment } from '../../pipeline/fold.ts';
import type { FoldedBatch, LogRecord, QuarantinedRecord } from '../../pipeline/ports.ts';
import { columnType, entityTables } from '../../schemas/columns.ts';
import { type Entity, entities } from '../../schemas/events.ts';
import { storedExtension } from '../../schemas/extensions.ts';
import type { Membership } from './membership.ts';
import { rowKey } from './row-key.ts';
import { type StagedColumn, StagedTable } from './staged-table.ts';

/** What a batch says of one entity's rows, and how many of them take which way into the tables. */
export interface StagedRows {
  readonly table: StagedTable;
  /** Rows certainly never stored before, without and with an end side; the rest was perhaps seen. */
  fresh: { open: number; closed: number };
  seen: number;
}

export interface StagedBatch {
  readonly rows: Readonly<Record<Entity, StagedRows>>;
  readonly deleted: StagedTable;
  readonly quarantined: StagedTable;
}

const text = (name: string): StagedColumn => ({ name, type: 'text' });
const number = (name: string): StagedColumn => ({ name, type: 'number' });

const entityColumns = (entity: Entity): readonly StagedColumn[] => [
  ...entityTables[entity].ids.map(text),
  ...entityTables[entity].values.map(name => (columnType(name) === 'VARCHAR' ? text(name) : number(name))),
  text('extensions'),
  ...['row_key', 'service_key', 'seen'].map(number),
];

const quarantineColumns: readonly StagedColumn[] = [
  text('topic'),
  number('partition'),
  number('offset'),
  number('record_time'),
  ...['key', 'value', 'headers'].map(text),
  number('schema_id'),
  ...['reason', 'field', 'message'].map(text),
];

/** Lays out a batch's fragments, deletions and rejects as rows; rows that were perhaps stored before are marked. */
export function stageBatch(batch: FoldedBatch, membership: Membership): StagedBatch {
  const stagedRows = (entity: Entity): StagedRows => ({
    table: new StagedTable(`staged_${entityTables[entity].table}`, entityColumns(entity)),
    fresh: { open: 0, closed: 0 },
    seen: 0,
  });
  const staged: StagedBatch = {
    rows: { service: stagedRows('service'), state: stagedRows('state'), task: stagedRows('task') },
    deleted: new StagedTable('deleted', [text('service_id'), number('service_key')]),
    quarantined: new StagedTable('quarantined', quarantineColumns),
  };
  for (const [serviceId, family] of batch.families) {
    const serviceKey = rowKey(serviceId, 0);
    if (family.deleted) staged.deleted.push([serviceId, serviceKey]);
    for (const entity of entities)
      stageFamily({ entity, serviceId, serviceKey, family, membership }, staged.rows[entity]);
  }
  for (const entry of batch.quarantined) staged.quarantined.push(quarantineRow(batch, entry));
  return staged;
}

interface FamilyStaging {
  readonly entity: Entity;
  readonly serviceId: string;
  readonly serviceKey: number;
  readonly family: Family;
  readonly membership: Membership;
}

/** A state and a task of one id must not share a key, nor the same id of two services. */
const seeds: Readonly<Record<Entity, number>> = { service: 0, state: 1, task: 2 };

function stageFamily({ entity, serviceId, serviceKey, family, membership }: FamilyStaging, staged: StagedRows): void {
  const endColumn = entityTables[entity].values.indexOf('end_timestamp');
  for (const [id, fragment] of family[entity]) {
    const key = entity === 'service' ? serviceKey : rowKey(id, serviceKey + seeds[entity]);
    const seen = membership.add(key);
    if (seen) staged.seen += 1;
    else staged.fresh[fragment.columns[endColumn] === undefined ? 'open' : 'closed'] += 1;
    const ids = entity === 'service' ? [serviceId] : [serviceId, id];
    staged.table.push([...ids, ...fragment.columns, extensionsJson(fragment), key, serviceKey, seen ? 1 : 0]);
  }
}

function extensionsJson({ extensions }: Fragment): string | undefined {
  if (extensions === null) return undefined;
  return JSON.stringify(Array.from(extensions, ([name, value]) => storedExtension(name, value)));
}

function quarantineRow({ partition }: FoldedBatch, { record, reject, schemaId }: QuarantinedRecord) {
  const { topic, partition: number } = partition;
  const bytes = [base64(record.key), base64(record.value), headersJson(record)];
  return [
    topic,
    number,
    record.offset,
    record.timestamp,
    ...bytes,
    schemaId,
    reject.reason,
    reject.field,
    reject.message,
  ];
}

function headersJson({ headers }: LogRecord): string | null {
  return headers.length === 0 ? null : JSON.stringify(headers.map(({ name, value }) => [name, base64(value)]));
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
