import type { DuckDBConnection } from '@duckdb/node-api';
import { entityTables } from '../../../schemas/columns.ts';
import { entities } from '../../../schemas/events/events.ts';
import { readNumber } from '../file/read-number.ts';
import { rowKey } from '../vectors/row-key.ts';

const blockWords = 16;
const bitsPerKey = 16;
const probes = 8;

/**
 * The keys of all stored rows, as a blocked Bloom filter: 2 bytes for each key, one cache line for each look-up. A key
 * that it lacks was certainly never stored. Of the keys that were never stored, about 0.1 % are reported as stored.
 * Only rows that may be stored are looked for in the tables, so a batch's cost does not grow with the number of stored
 * rows. The filter grows by adding filters, each twice as large as the last.
 */
export class SeenKeys {
  readonly #filters: { words: Uint32Array; capacity: number; size: number }[] = [];

  constructor(expectedKeys: number) {
    this.#grow(Math.max(expectedKeys * 2, 1 << 20));
  }

  /** Adds the key. Returns false when it was certainly new, true when it may have been there before. */
  add(key: number): boolean {
    if (this.has(key)) return true;
    let newest = this.#filters.at(-1)!;
    if (newest.size >= newest.capacity) newest = this.#grow(newest.capacity * 2);
    newest.size += 1;
    visit(newest.words, key, (words, at, bit) => {
      words[at] = words[at]! | bit;
      return true;
    });
    return false;
  }

  has(key: number): boolean {
    return this.#filters.some(({ words }) => visit(words, key, (held, at, bit) => (held[at]! & bit) !== 0));
  }

  #grow(capacity: number): { words: Uint32Array; capacity: number; size: number } {
    const blocks = Math.ceil((capacity * bitsPerKey) / (blockWords * 32));
    const filter = { words: new Uint32Array(blocks * blockWords), capacity, size: 0 };
    this.#filters.push(filter);
    return filter;
  }
}

/** Calls `each` for the key's bits until it returns false; returns whether it was true for all of them. */
function visit(
  words: Uint32Array,
  key: number,
  each: (words: Uint32Array, at: number, bit: number) => boolean,
): boolean {
  const high = Math.floor(key / 0x100000000);
  const low = key >>> 0;
  const block = (Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b) >>> 0) % (words.length / blockWords);
  // 9 bits choose a bit of the block's 512; an odd step makes the probes differ.
  let bits = Math.imul(low, 0xc2b2ae35) ^ high;
  const step = Math.imul(high ^ (low >>> 7), 0x27d4eb2f) | 1;
  for (let probe = 0; probe < probes; probe += 1) {
    const bit = (bits >>> 23) & 511;
    if (!each(words, block * blockWords + (bit >>> 5), 1 << (bit & 31))) return false;
    bits = (bits + step) | 0;
  }
  return true;
}

/** The keys of all stored rows, and of the ends of all services that have ended. */
export async function readSeenKeys(connection: DuckDBConnection): Promise<SeenKeys> {
  // A service that has ended is known by two keys: that of its row, and that of its end.
  const withEnds = ['services_closed', 'services_late'];
  const withoutEnds = entities
    .flatMap(entity => ['open', 'closed', 'late'].map(part => `${entityTables[entity].table}_${part}`))
    .filter(table => !withEnds.includes(table));
  const counts = [...withoutEnds, ...withEnds, ...withEnds]
    .map(table => `SELECT count(*) AS keys FROM ${table}`)
    .join(' UNION ALL ');
  const seenKeys = new SeenKeys(await readNumber(connection, `SELECT sum(keys) FROM (${counts})`));
  await forEachKey(connection, withoutEnds, key => seenKeys.add(key));
  await forEachKey(connection, withEnds, key => {
    seenKeys.add(key);
    seenKeys.add(endKey(key));
  });
  return seenKeys;
}

/** Calls `visit` with the column `row_key` of all rows of the tables. */
export async function forEachKey(
  connection: DuckDBConnection,
  tables: readonly string[],
  visit: (key: number) => void,
) {
  // A row key fits into a double, which the client reads much faster than a BIGINT.
  const keys = tables.map(table => `SELECT row_key::DOUBLE FROM ${table}`).join(' UNION ALL ');
  const result = await connection.stream(keys);
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (const key of chunk.getColumnValues(0)) visit(Number(key));
  }
}

/** The seen key that says that a service may have an end. */
export function endKey(serviceKey: number): number {
  return rowKey('end', serviceKey);
}
