import type { Fragment } from '../../../pipeline/ingest/fold.ts';
import type { QuarantinedRecord } from '../../../pipeline/ingest/warehouse.ts';
import type { LogRecord, PartitionId } from '../../../pipeline/ports.ts';
import { columnType, entityTables } from '../../../schemas/columns.ts';
import type { Entity } from '../../../schemas/events/events.ts';
import type { StoredExtension } from '../../../schemas/events/extensions.ts';
import { blob, type Column, extensions, falseColumn, integer, text, timestamp, whole } from '../vectors/row-chunks.ts';

/** The batch that changes a row. */
export interface BatchOrigin {
  /** Batches are numbered in the order in which they are stored. */
  readonly number: number;
  /** The number of its log, as in the table `partitions`. */
  readonly log: number;
}

/** The changes of one batch to one row, ready to be appended to a table. */
export interface StagedRow {
  readonly serviceId: string;
  readonly id: string;
  readonly key: number;
  readonly serviceKey: number;
  readonly fragment: Fragment;
  /** Those that the row itself gets; null for none. */
  readonly extensions: readonly StoredExtension[] | null;
  /** The length of the texts that the row itself gets. */
  readonly bytes: number;
  readonly origin: BatchOrigin;
}

/** An extension that is kept apart from its row. */
export interface StagedApart {
  readonly row: StagedRow;
  readonly extension: Pick<StoredExtension, 'name' | 'json'>;
  /** Its position among those of the row in the batch. */
  readonly place: number;
}

/** The columns of an entity's tables, in the order of `schemas/tables/0002_entity_tables.sql`. */
export const entityColumns: Readonly<Record<Entity, readonly Column<StagedRow>[]>> = {
  service: columnsOf('service'),
  state: columnsOf('state'),
  task: columnsOf('task'),
};

function columnsOf(entity: Entity): readonly Column<StagedRow>[] {
  const { ids, values } = entityTables[entity];
  return [
    text(row => row.serviceId),
    ...(ids.length > 1 ? [text<StagedRow>(row => row.id)] : []),
    ...values.map(valueColumn),
    extensions(row => row.extensions),
    whole(row => row.key),
    whole(row => row.serviceKey),
    whole(row => row.origin.number),
    integer(row => row.origin.log),
    falseColumn(),
    whole(row => row.bytes),
  ];
}

function valueColumn(name: string, position: number): Column<StagedRow> {
  const type = columnType(name);
  // Decoding has checked the types: VARCHAR columns have texts, all others have numbers.
  if (type === 'VARCHAR') return text(({ fragment }) => fragment.columns[position] as string | undefined);
  const number = ({ fragment }: StagedRow) => fragment.columns[position] as number | undefined;
  return type === 'TIMESTAMP' ? timestamp(number) : whole(number);
}

/** The columns of an entity's table of extensions that are kept apart. */
export const apartColumns: Readonly<Record<Entity, readonly Column<StagedApart>[]>> = {
  service: apartColumnsOf('service'),
  state: apartColumnsOf('state'),
  task: apartColumnsOf('task'),
};

function apartColumnsOf(entity: Entity): readonly Column<StagedApart>[] {
  return [
    text(({ row }) => row.serviceId),
    ...(entityTables[entity].ids.length > 1 ? [text<StagedApart>(({ row }) => row.id)] : []),
    text(({ extension }) => extension.name),
    text(({ extension }) => extension.json),
    whole(({ extension }) => extension.json.length),
    integer(({ place }) => place),
    whole(({ row }) => row.key),
    whole(({ row }) => row.serviceKey),
    whole(({ row }) => row.origin.number),
  ];
}

/** The columns of the table `deletions`. */
export const deletionColumns: readonly Column<Pick<StagedRow, 'serviceKey' | 'serviceId' | 'origin'>>[] = [
  whole(row => row.serviceKey),
  text(row => row.serviceId),
  whole(row => row.origin.number),
  integer(row => row.origin.log),
];

/** The columns of the table `quarantine`. */
export const quarantineColumns: readonly Column<QuarantinedRecord & { readonly partition: PartitionId }>[] = [
  text(({ partition }) => partition.topic),
  integer(({ partition }) => partition.partition),
  whole(({ record }) => record.offset),
  timestamp(({ record }) => recordTime(record)),
  blob(({ record }) => record.key),
  blob(({ record }) => record.value),
  text(({ record }) => headersJson(record)),
  whole(({ schemaId }) => schemaId),
  text(({ reject }) => reject.reason),
  text(({ reject }) => reject.field),
  text(({ reject }) => reject.message),
];

/** A record's time in milliseconds. A log may hold any 64 bits; a time outside of JavaScript's dates becomes null. */
function recordTime({ timestamp: instant }: LogRecord): number | null {
  return instant !== null && Math.abs(instant) <= 8.64e15 ? instant : null;
}

function headersJson({ headers }: LogRecord): string | null {
  return headers.length === 0 ? null : JSON.stringify(headers.map(({ name, value }) => [name, base64(value)]));
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
