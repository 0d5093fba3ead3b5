import type { DuckDBConnection } from '@duckdb/node-api';
import { entityTables } from '../../../schemas/columns.ts';
import type { Entity } from '../../../schemas/events/events.ts';
import {
  addressStep,
  type RowRange,
  rangeRows,
  type Slice,
  storedColumns,
} from '../../../schemas/exports/row-addresses.ts';
import { readSql } from '../../../schemas/tables/sql.ts';
import type { LocatedRows } from './located-rows.ts';
import type { SlicePlan, Slicing } from './slice-plan.ts';

/**
 * Scattered rows are read from at most this many ranges, or one for each table when there are more tables than that: each
 * range is one scan of the query.
 */
const maxScatteredRanges = 32;

/**
 * Cuts the rows of one file into slices of consecutive services, as planned. Tables are nearly in time order, so the rows of a
 * slice lie in few blocks, and each slice reads only its own. Rows in other blocks are scattered rows: they are copied
 * once for all slices. In the worst case, rows in no order, all are scattered.
 */
export async function cutSlices(
  { connection, counts }: LocatedRows,
  entity: Entity,
  { slicing, servicesPerSlice, ranks }: SlicePlan,
): Promise<readonly Slice[]> {
  const { table } = entityTables[entity];
  const values = {
    table,
    step: addressStep,
    block_rows: slicing.blockRows,
    few_blocks: slicing.fewBlocks,
    services_per_slice: servicesPerSlice,
  };
  await connection.run(readSql('exports/slice_blocks.sql', values));
  const blocks = await readSliceBlocks(connection, table, slicing);
  const hasScattered = blocks.rows < counts[entity];
  if (hasScattered) {
    await connection.run(readSql('exports/scattered_addresses.sql', values));
    await copyScatteredRows(connection, entity, slicing);
  }
  return ranks.map(services => {
    const ranges = blocks.ranges.get(Math.floor((services.firstRank - 1) / servicesPerSlice)) ?? [];
    return { ...services, ranges, hasScattered };
  });
}

/** The ranges that each slice reads, by the slice's index, and how many rows to export they hold. */
async function readSliceBlocks(connection: DuckDBConnection, table: string, { blockRows }: Slicing) {
  const reader = await connection.runAndReadAll(
    `SELECT slice, part, block, rows FROM ${table}_slice_blocks ORDER BY slice, part, block`,
  );
  const ranges = new Map<number, RowRange[]>();
  let rows = 0;
  for (const [slice, part, block, count] of reader.getRows()) {
    const sliceRanges = ranges.get(Number(slice)) ?? [];
    ranges.set(Number(slice), sliceRanges);
    addBlock(sliceRanges, rangeOf(part, block, blockRows));
    rows += Number(count);
  }
  return { ranges, rows };
}

/** The rows of a block, of whose columns `part` and `block` DuckDB's client gives whole numbers. */
function rangeOf(part: unknown, block: unknown, blockRows: number): RowRange {
  const first = BigInt(String(block)) * BigInt(blockRows);
  return { part: Number(part), first, last: first + BigInt(blockRows) - 1n };
}

/** Adds a block behind the others. When it follows the last range directly, that range becomes longer. */
function addBlock(ranges: RowRange[], block: RowRange): void {
  const before = ranges.at(-1);
  if (before?.part === block.part && before.last + 1n === block.first) {
    ranges[ranges.length - 1] = { ...before, last: block.last };
  } else ranges.push(block);
}

async function copyScatteredRows(connection: DuckDBConnection, entity: Entity, { blockRows }: Slicing): Promise<void> {
  const { table } = entityTables[entity];
  const reader = await connection.runAndReadAll(
    `SELECT DISTINCT address % ${addressStep} AS part, address // ${addressStep * blockRows} AS block
     FROM ${table}_scattered_addresses ORDER BY part, block`,
  );
  const ranges: RowRange[] = [];
  for (const [part, block] of reader.getRows()) addBlock(ranges, rangeOf(part, block, blockRows));
  const columns = storedColumns(entity, true);
  const sql = readSql('exports/scattered_rows.sql', {
    table,
    columns: columns.map(column => `x.${column}`).join(', '),
    rows: rangeRows(entity, joinRanges(ranges), columns),
  });
  await connection.run(sql);
}

/** Joins the ranges with the narrowest gaps between them, until at most `maxRanges` are left, or one for each table. */
export function joinRanges(ranges: readonly RowRange[], maxRanges = maxScatteredRanges): readonly RowRange[] {
  const gaps = ranges.slice(1).map((range, before) => gapBetween(ranges[before]!, range));
  const widestClosed = gaps.toSorted((one, other) => other - one)[maxRanges - 1] ?? 0;
  const joined: RowRange[] = [];
  for (const range of ranges) {
    const before = joined.at(-1);
    const isApart = before === undefined || before.part !== range.part;
    if (isApart || gapBetween(before, range) > widestClosed) joined.push(range);
    else joined[joined.length - 1] = { ...before, last: range.last };
  }
  return joined;
}

function gapBetween(before: RowRange, range: RowRange): number {
  return before.part === range.part ? Number(range.first - before.last) : Number.POSITIVE_INFINITY;
}
