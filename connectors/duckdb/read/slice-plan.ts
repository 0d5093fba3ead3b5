import { entityTables } from '../../../schemas/columns.ts';
import type { Entity } from '../../../schemas/events/events.ts';
import { longTextBytes } from '../../../schemas/exports/file-rows.ts';
import { readNumber } from '../file/read-number.ts';
import type { LocatedRows } from './located-rows.ts';

/** The sizes in which an export is cut. */
export interface Slicing {
  /** How many rows are sorted in memory at once. Compressing them takes long enough to sort the next slice meanwhile. */
  readonly rowsPerSlice: number;
  /** How many bytes of texts these rows have at most; one service may have more. */
  readonly bytesPerSlice: number;
  /** The consecutive rowids of a table that make one block, which is read whole. DuckDB's row groups have 122,880 rows. */
  readonly blockRows: number;
  /** A slice that needs at most this many blocks reads all of them, however few of its rows they hold. */
  readonly fewBlocks: number;
}

export const defaultSlicing: Slicing = {
  rowsPerSlice: 50_000,
  bytesPerSlice: 12 << 20,
  blockRows: 20_480,
  fewBlocks: 8,
};

/** Blocks are not made smaller than this for rows with many bytes: DuckDB reads as many rows at once. */
const fewestBlockRows = 2_048;

/** How the services of files are cut, the same for all their entities. */
export interface SlicePlan {
  readonly slicing: Slicing;
  /** The blocks to read are chosen for so many services at once. */
  readonly servicesPerSlice: number;
  /** The slices, by the ranks of their services: where these have many bytes, a part of `servicesPerSlice`. */
  readonly ranks: readonly SliceServices[];
}

/** Consecutive services, by their ranks. */
interface Services {
  readonly firstRank: number;
  readonly lastRank: number;
}

interface SliceServices extends Services {
  /** Whether a row of theirs may have a text of `longTextBytes`. */
  readonly hasLongTexts: boolean;
}

/** Plans the slices of files that are cut at the same services: those of some entities. */
export async function planSlices(located: LocatedRows, slicing: Slicing, files: readonly Entity[]): Promise<SlicePlan> {
  const { connection, counts } = located;
  const addresses = files
    .map(entity => `SELECT rank, bytes FROM ${entityTables[entity].table}_addresses`)
    .join(' UNION ALL ');
  const rows = Math.max(
    1,
    files.reduce((sum, entity) => sum + counts[entity], 0),
  );
  const bytes =
    counts.service === 0 ? 0 : await readNumber(connection, `SELECT coalesce(sum(bytes), 0) FROM (${addresses})`);
  const share = Math.min(1, slicing.bytesPerSlice / Math.max(1, (bytes / rows) * slicing.rowsPerSlice));
  const blockRows = Math.min(slicing.blockRows, Math.max(fewestBlockRows, Math.round(slicing.blockRows * share)));
  const perSlice = Math.max(1, Math.floor((slicing.rowsPerSlice * share * counts.service) / rows));
  const ranks = Array.from({ length: Math.ceil(counts.service / perSlice) }, (_, index) => {
    return { firstRank: index * perSlice + 1, lastRank: (index + 1) * perSlice };
  });
  const cuts = bytes <= slicing.bytesPerSlice ? [] : await readCuts(located, { addresses, perSlice, slicing });
  const long = bytes < longTextBytes ? [] : await readLongRanks(located, addresses);
  return {
    slicing: { ...slicing, blockRows },
    servicesPerSlice: perSlice,
    ranks: cutAt(ranks, cuts).map(range => ({ ...range, hasLongTexts: long.some(rank => isWithin(rank, range)) })),
  };
}

/** The ranks of the services that have a row which may hold a long text. */
async function readLongRanks({ connection }: LocatedRows, addresses: string): Promise<readonly number[]> {
  const reader = await connection.runAndReadAll(
    `SELECT DISTINCT rank FROM (${addresses}) WHERE bytes >= ${longTextBytes}`,
  );
  return reader.getRows().map(([rank]) => Number(rank));
}

function isWithin(rank: number, { firstRank, lastRank }: Services): boolean {
  return firstRank <= rank && rank <= lastRank;
}

interface CutReading {
  /** SQL of the ranks and bytes of all rows. */
  readonly addresses: string;
  readonly perSlice: number;
  readonly slicing: Slicing;
}

/** The ranks that begin a further slice, in order, because the services before would have too many bytes with theirs. */
async function readCuts({ connection }: LocatedRows, { addresses, perSlice, slicing }: CutReading) {
  const reader = await connection.runAndReadAll(
    `WITH services AS (SELECT rank, (rank - 1) // ${perSlice} AS slice, sum(bytes) AS bytes FROM (${addresses}) GROUP BY rank)
     SELECT rank, slice, bytes FROM services
     WHERE slice IN (SELECT slice FROM services GROUP BY slice HAVING sum(bytes) > ${slicing.bytesPerSlice})
     ORDER BY rank`,
  );
  const cuts: number[] = [];
  let held = { slice: -1, bytes: 0 };
  for (const row of reader.getRows()) {
    const [rank, slice, bytes] = row.map(Number) as [number, number, number];
    if (slice !== held.slice) held = { slice, bytes };
    else if (held.bytes + bytes <= slicing.bytesPerSlice) held.bytes += bytes;
    else {
      cuts.push(rank);
      held.bytes = bytes;
    }
  }
  return cuts;
}

function cutAt(ranks: readonly Services[], cuts: readonly number[]): readonly Services[] {
  let next = 0;
  return ranks.flatMap(({ firstRank, lastRank }) => {
    const starts = [firstRank];
    for (; next < cuts.length && cuts[next]! <= lastRank; next += 1) starts.push(cuts[next]!);
    return starts.map((start, index) => ({ firstRank: start, lastRank: (starts[index + 1] ?? lastRank + 1) - 1 }));
  });
}
