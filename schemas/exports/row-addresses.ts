import { entityTables } from '../columns.ts';
import type { Entity } from '../events/events.ts';
import { type ExtensionForm, orderKeys, sortedColumns } from './file-rows.ts';

/**
 * SQL that finds and reads rows by address. A row's address is `rowid * 4 + part`, where `part` says which of the
 * entity's tables the row lies in. It identifies the row until the export's transaction ends: other transactions may
 * write meanwhile, but rowids stay the same in this one (`connectors/duckdb/file/steady-rowids.ts`).
 */
const parts = ['open', 'closed', 'changed', 'placed'] as const;

/** The part of rows whose extensions are kept apart: copies with placeholders (`find_apart_rows.sql`). */
export const placedPart = parts.indexOf('placed');

/** Part numbers are below this, so an address is one whole number. */
export const addressStep = 4;

/**
 * The rowids `[first, last]` of one table. Those of a temporary table that the export's transaction has made begin at 2^55,
 * where a number would not be exact.
 */
export interface RowRange {
  readonly part: number;
  readonly first: bigint;
  readonly last: bigint;
}

/** The services with ranks `[firstRank, lastRank]`, and the ranges that hold most of their rows in one file. */
export interface Slice {
  readonly firstRank: number;
  readonly lastRank: number;
  /** Whether a row may have a text of `longTextBytes`. */
  readonly hasLongTexts: boolean;
  readonly ranges: readonly RowRange[];
  /** True when some slice of the file has scattered rows, which lie in the temporary table `<table>_scattered`. */
  readonly hasScattered: boolean;
}

/**
 * All rows of an entity with their addresses. Dead rows are among them: rows in the closed table whose service was
 * deleted later. With `hasLate` the rows that late fragments change are read from the temporary table
 * `<table>_changed`, which must hold them merged.
 */
export function addressedRows(entity: Entity, hasLate: boolean): string {
  const { table } = entityTables[entity];
  const rows = (part: number): string => `SELECT ${addressOf(part)}, x.* FROM ${partTable(entity, part)} x`;
  const unchanged = ` WHERE NOT EXISTS (FROM ${table}_late l WHERE l.row_key = x.row_key)`;
  const queries = hasLate ? [rows(0), `${rows(1)}${unchanged}`, rows(2)] : [rows(0), rows(1)];
  return `(${queries.join(' UNION ALL ')})`;
}

/** The rows of an entity whose addresses are in the table `addresses`, with all their columns. */
export function rowsAtAddresses(entity: Entity, addresses: string, hasLate: boolean): string {
  const queries = (hasLate ? [0, 1, 2] : [0, 1]).map(
    part =>
      // By rowid, so that only these rows are read in full.
      `SELECT ${addressOf(part)}, x.* FROM ${partTable(entity, part)} x
       WHERE x.rowid IN (SELECT address // ${addressStep} FROM ${addresses} WHERE address % ${addressStep} = ${part})`,
  );
  return `(${queries.join(' UNION ALL ')})`;
}

/** All rows of some ranges with their addresses, among them rows that are not exported. */
export function rangeRows(entity: Entity, ranges: readonly RowRange[], columns: readonly string[]): string {
  const queries = ranges.map(({ part, first, last }) => {
    const list = [addressOf(part), ...columns.map(column => `x.${column}`)].join(', ');
    return `SELECT ${list} FROM ${partTable(entity, part)} x WHERE x.rowid BETWEEN ${first} AND ${last}`;
  });
  return `(${queries.join(' UNION ALL ')})`;
}

/** A slice's rows of one file, each with its `rank`, unsorted; null when there can be none. */
export function sliceRows(entity: Entity, slice: Slice, columns: readonly string[]): string | null {
  const { table } = entityTables[entity];
  const inSlice = `BETWEEN ${slice.firstRank} AND ${slice.lastRank}`;
  const list = columns.map(column => `x.${column}`).join(', ');
  const inRanges = `SELECT a.rank, ${list} FROM ${rangeRows(entity, slice.ranges, columns)} x
    JOIN ${table}_addresses a ON a.address = x.address WHERE a.rank ${inSlice}`;
  const scattered = `SELECT x.rank, ${list} FROM ${table}_scattered x WHERE x.rank ${inSlice}`;
  const queries = [...(slice.ranges.length > 0 ? [inRanges] : []), ...(slice.hasScattered ? [scattered] : [])];
  return queries.length === 0 ? null : `(${queries.join(' UNION ALL ')})`;
}

/** A slice's rows of one file in file order, as a subquery named `x`; null when there can be none. */
export function orderedSlice(entity: Entity, slice: Slice, extensions: ExtensionForm): string | null {
  const rows = sliceRows(entity, slice, storedColumns(entity, extensions !== 'none'));
  if (rows === null) return null;
  const columns = ['x.rank', ...sortedColumns(entity, extensions)].join(', ');
  return `(SELECT ${columns} FROM ${rows} x ORDER BY ${orderKeys(entity, 'x.rank')}) x`;
}

/** The stored columns that events set: ids, values and, if wanted, extensions. */
export function storedColumns(entity: Entity, withExtensions: boolean): readonly string[] {
  const { ids, values } = entityTables[entity];
  return [...ids, ...values, ...(withExtensions ? ['extensions'] : [])];
}

function addressOf(part: number): string {
  return `x.rowid * ${addressStep} + ${part} AS address`;
}

function partTable(entity: Entity, part: number): string {
  return `${entityTables[entity].table}_${parts[part]}`;
}
