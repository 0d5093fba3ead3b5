import { entityTables } from '../columns.ts';
import type { Entity } from '../events/events.ts';
import { type CarriedExtensions, carriedColumns, orderKeys } from './exports.ts';

/**
 * Where the rows of an export lie. A row's address is `rowid * 4 + home`, which stands for it as long as the export's
 * transaction lasts: whatever is written beside it, rowids of its view do not move (`connectors/duckdb/file/steady-rowids.ts`).
 */
const homes = ['open', 'closed', 'changed'] as const;

/** Rows `[first, last]` of one table. */
export interface Piece {
  readonly home: number;
  readonly first: number;
  readonly last: number;
}

/** Services with ranks `[firstRank, lastRank]`, and where the rows of one file lie that belong to them. */
export interface Slice {
  readonly firstRank: number;
  readonly lastRank: number;
  readonly pieces: readonly Piece[];
  /** True when rows of some slices were gathered in the temporary table `<table>_strays`. */
  readonly hasStrays: boolean;
}

/**
 * All rows of an entity with their addresses, dead ones among them: rows that lie in the closed table although their
 * service was deleted after them. `hasLate` tells that late fragments are to be heeded; the rows that they speak of lie
 * in the temporary table `<table>_changed`, merged.
 */
export function addressedRows(entity: Entity, hasLate: boolean): string {
  const { table } = entityTables[entity];
  const rows = (home: number): string => `SELECT ${addressOf(home)}, x.* FROM ${homeTable(entity, home)} x`;
  const unchanged = ` WHERE NOT EXISTS (FROM ${table}_late l WHERE l.row_key = x.row_key)`;
  const parts = hasLate ? [rows(0), `${rows(1)}${unchanged}`, rows(2)] : [rows(0), rows(1)];
  return `(${parts.join(' UNION ALL ')})`;
}

/** Every row of some pieces with its address; that of a row which is not exported is in no list of placed rows. */
export function pieceRows(entity: Entity, pieces: readonly Piece[], columns: readonly string[]): string {
  const parts = pieces.map(({ home, first, last }) => {
    const selected = [addressOf(home), ...columns.map(column => `x.${column}`)].join(', ');
    return `SELECT ${selected} FROM ${homeTable(entity, home)} x WHERE x.rowid BETWEEN ${first} AND ${last}`;
  });
  return `(${parts.join(' UNION ALL ')})`;
}

/** The rows of one file that belong to a slice, each with its `rank`, in no order; null when there can be none. */
export function sliceRows(entity: Entity, slice: Slice, columns: readonly string[]): string | null {
  const { table } = entityTables[entity];
  const inSlice = `BETWEEN ${slice.firstRank} AND ${slice.lastRank}`;
  const named = columns.map(column => `x.${column}`).join(', ');
  const near = `SELECT k.rank, ${named} FROM ${pieceRows(entity, slice.pieces, columns)} x
    JOIN ${table}_placed k ON k.address = x.address WHERE k.rank ${inSlice}`;
  const strays = `SELECT x.rank, ${named} FROM ${table}_strays x WHERE x.rank ${inSlice}`;
  const parts = [...(slice.pieces.length > 0 ? [near] : []), ...(slice.hasStrays ? [strays] : [])];
  return parts.length === 0 ? null : `(${parts.join(' UNION ALL ')})`;
}

/** The same in file order, as a subquery named `x`. */
export function orderedSlice(entity: Entity, slice: Slice, extensions: CarriedExtensions): string | null {
  const rows = sliceRows(entity, slice, storedColumns(entity, extensions !== 'none'));
  if (rows === null) return null;
  const columns = ['x.rank', ...carriedColumns(entity, extensions)].join(', ');
  return `(SELECT ${columns} FROM ${rows} x ORDER BY ${orderKeys(entity, 'x.rank')}) x`;
}

/** What is stored of a row's events. */
export function storedColumns(entity: Entity, withExtensions: boolean): readonly string[] {
  const { ids, values } = entityTables[entity];
  return [...ids, ...values, ...(withExtensions ? ['extensions'] : [])];
}

function addressOf(home: number): string {
  return `x.rowid * ${addressStep} + ${home} AS address`;
}

export const addressStep = 4;

function homeTable(entity: Entity, home: number): string {
  return `${entityTables[entity].table}_${homes[home]}`;
}
