import type { DuckDBConnection } from '@duckdb/node-api';
import { entityTables } from '../../../schemas/columns.ts';
import type { Entity } from '../../../schemas/events/events.ts';
import {
  addressStep,
  type Piece,
  pieceRows,
  type Slice,
  storedColumns,
} from '../../../schemas/exports/row-addresses.ts';
import { fillSql, readSql } from '../../../schemas/sql.ts';
import type { PlacedRows } from './placed-rows.ts';

export interface Slicing {
  /** As many as sort in memory and give the packer enough to do while the next are sorted. */
  readonly rowsPerSlice: number;
  /** Rows of a table that are read or left as one; DuckDB keeps 122,880 in a row group at most and skips inside of it by 2,048. */
  readonly blockRows: number;
  /** So many blocks a slice reads however few of their rows are its own: less trouble than strays. */
  readonly fewBlocks: number;
}

export const defaultSlicing: Slicing = { rowsPerSlice: 50_000, blockRows: 20_480, fewBlocks: 8 };

/** Strays are read in at most so many pieces, and one a table: each is a scan of its own in the query's plan. */
const strayPieces = 32;

interface SliceCut {
  readonly entity: Entity;
  readonly servicesPerSlice: number;
  readonly slicing: Slicing;
}

/** How many services make a slice of files that are cut together. */
export function servicesPerSlice({ counts }: PlacedRows, { rowsPerSlice }: Slicing, files: readonly Entity[]): number {
  const rows = files.reduce((sum, entity) => sum + counts[entity], 0);
  return Math.max(1, Math.floor((rowsPerSlice * counts.service) / Math.max(rows, 1)));
}

/**
 * Cuts placed rows into slices of consecutive services. Tables lie near time order, so the rows of a slice lie in a few
 * blocks of each, and every slice reads its own blocks alone. The worst case, rows without any order, costs one more
 * copy of them: they are all strays.
 */
export async function cutSlices({ connection, counts }: PlacedRows, cut: SliceCut): Promise<readonly Slice[]> {
  const { table } = entityTables[cut.entity];
  const places = {
    table,
    step: addressStep,
    block_rows: cut.slicing.blockRows,
    few_blocks: cut.slicing.fewBlocks,
    services_per_slice: cut.servicesPerSlice,
  };
  await connection.run(fillSql(readSql('exports/near.sql'), places));
  const near = await readNear(connection, table, cut.slicing);
  const hasStrays = near.rows < counts[cut.entity];
  if (hasStrays) {
    await connection.run(fillSql(readSql('exports/astray.sql'), places));
    await gatherStrays(connection, cut);
  }
  return Array.from({ length: Math.ceil(counts.service / cut.servicesPerSlice) }, (_, index) => ({
    firstRank: index * cut.servicesPerSlice + 1,
    lastRank: (index + 1) * cut.servicesPerSlice,
    pieces: near.pieces.get(index) ?? [],
    hasStrays,
  }));
}

async function readNear(connection: DuckDBConnection, table: string, { blockRows }: Slicing) {
  const reader = await connection.runAndReadAll(
    `SELECT slice, home, block, rows FROM ${table}_near ORDER BY slice, home, block`,
  );
  const pieces = new Map<number, Piece[]>();
  let rows = 0;
  for (const row of reader.getRows()) {
    const [slice, home, block, count] = row.map(Number) as [number, number, number, number];
    const own = pieces.get(slice) ?? [];
    pieces.set(slice, own);
    addBlock(own, { home, first: block * blockRows, last: (block + 1) * blockRows - 1 });
    rows += count;
  }
  return { pieces, rows };
}

/** Blocks come in order; one that follows the last makes it longer. */
function addBlock(pieces: Piece[], block: Piece): void {
  const before = pieces.at(-1);
  if (before?.home === block.home && before.last + 1 === block.first) {
    pieces[pieces.length - 1] = { ...before, last: block.last };
  } else pieces.push(block);
}

async function gatherStrays(connection: DuckDBConnection, { entity, slicing }: SliceCut): Promise<void> {
  const { blockRows } = slicing;
  const { table } = entityTables[entity];
  const reader = await connection.runAndReadAll(
    `SELECT DISTINCT address % ${addressStep} AS home, address // ${addressStep * blockRows} AS block
     FROM ${table}_astray ORDER BY home, block`,
  );
  const pieces: Piece[] = [];
  for (const row of reader.getRows()) {
    const [home, block] = row.map(Number) as [number, number];
    addBlock(pieces, { home, first: block * blockRows, last: (block + 1) * blockRows - 1 });
  }
  const columns = storedColumns(entity, true);
  const sql = fillSql(readSql('exports/strays.sql'), {
    table,
    columns: columns.map(column => `x.${column}`).join(', '),
    pieces: pieceRows(entity, joinedPieces(pieces), columns),
  });
  await connection.run(sql);
}

/** The same pieces with the narrowest gaps between them closed, until there are at most so many, or one a table. */
export function joinedPieces(pieces: readonly Piece[], most = strayPieces): readonly Piece[] {
  const gaps = pieces.slice(1).map((piece, before) => gapBetween(pieces[before]!, piece));
  const widestClosed = gaps.toSorted((one, other) => other - one)[most - 1] ?? 0;
  const joined: Piece[] = [];
  for (const piece of pieces) {
    const before = joined.at(-1);
    const isApart = before === undefined || before.home !== piece.home;
    if (isApart || gapBetween(before, piece) > widestClosed) joined.push(piece);
    else joined[joined.length - 1] = { ...before, last: piece.last };
  }
  return joined;
}

function gapBetween(before: Piece, piece: Piece): number {
  return before.home === piece.home ? piece.first - before.last : Number.POSITIVE_INFINITY;
}
