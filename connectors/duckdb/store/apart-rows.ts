import type { DuckDBConnection } from '@duckdb/node-api';
import { entityTables } from '../../../schemas/columns.ts';
import { entities } from '../../../schemas/events/events.ts';
import { rowKey } from '../vectors/row-key.ts';
import { forEachKey, SeenKeys } from './seen-keys.ts';

/**
 * A row's extensions are kept apart when storing them in the row has taken more bytes than this. It is above what an
 * ordinary row takes in its life, and small enough that 2,048 rows, which DuckDB reads and sorts at once, fit into its
 * memory several times.
 */
export const defaultApartBytes = 4 * 1024;

/** A row, and the service that it is or belongs to. */
interface RowKeys {
  readonly key: number;
  readonly serviceKey: number;
}

/** A power of two. Rows whose keys fall on one counter are counted together, which only keeps some apart too early. */
const counters = 1 << 19;

/**
 * Decides which rows have their extensions kept apart. Each batch that changes an open row writes all extensions of the
 * row anew, so that a row which grows in many batches would take the square of what came in. Its extensions are then
 * appended to a table of their own instead. Once some of a row's extensions lie there, all later ones must: those in the
 * row itself are the older ones.
 */
export class ApartRows {
  readonly #keys: SeenKeys;
  readonly #limit: number;
  /** By counter: the bytes of extensions that came in, and the bytes that storing them in the row has taken. */
  readonly #came = new Float64Array(counters);
  readonly #written = new Float64Array(counters);
  /** By counter: the bytes of other texts that came in. They stay in the row. */
  readonly #texts = new Float64Array(counters);
  #cameSinceReset = 0;
  #writtenAnew = 0;

  constructor(keys: SeenKeys, limit: number) {
    this.#keys = keys;
    this.#limit = limit;
  }

  /**
   * Counts what a batch brings for a row: `bytes` of extensions and `textBytes` of other texts. Returns whether the
   * extensions are kept apart.
   */
  add({ key, serviceKey }: RowKeys, bytes: number, textBytes: number): boolean {
    const counter = key % counters;
    this.#texts[counter]! += textBytes;
    if (bytes > 0 && this.#keys.has(key)) return this.#keepApart(key, serviceKey);
    this.#came[counter]! += bytes;
    // The batch writes all extensions that came so far.
    const written = this.#written[counter]! + this.#came[counter]!;
    this.#written[counter] = written;
    if (bytes === 0 || written <= this.#limit) {
      this.#resetWhenFull(bytes + textBytes);
      return false;
    }
    return this.#keepApart(key, serviceKey);
  }

  /** Also of a row that the filter only takes for one that was added: its service must be known. */
  #keepApart(key: number, serviceKey: number): true {
    this.#keys.add(key);
    this.#keys.add(apartKey(serviceKey));
    return true;
  }

  /** False when certainly no row of the service has extensions that are kept apart. */
  hasService(serviceKey: number): boolean {
    return this.#keys.has(apartKey(serviceKey));
  }

  /** Counts a row that was stored before and is written anew. */
  noteWrittenAnew(key: number): void {
    const counter = key % counters;
    this.#writtenAnew += this.#texts[counter]! + this.#came[counter]!;
  }

  /** About how many bytes of rows were written anew since the last call, at most. */
  takeWrittenAnew(): number {
    const bytes = this.#writtenAnew;
    this.#writtenAnew = 0;
    return bytes;
  }

  /** Before so many rows were counted that most counters would be over the limit. */
  #resetWhenFull(bytes: number): void {
    this.#cameSinceReset += bytes;
    if (this.#cameSinceReset < (counters * this.#limit) / 8) return;
    this.#cameSinceReset = 0;
    this.#came.fill(0);
    this.#texts.fill(0);
    this.#written.fill(0);
  }
}

/** Finds the rows that have extensions kept apart. */
export async function readApartRows(connection: DuckDBConnection, limit: number): Promise<ApartRows> {
  const keys = new SeenKeys(0);
  const tables = entities.map(entity => `(SELECT DISTINCT row_key FROM ${entityTables[entity].table}_apart)`);
  await forEachKey(connection, tables, key => keys.add(key));
  const services = entities.map(
    entity => `(SELECT DISTINCT service_key AS row_key FROM ${entityTables[entity].table}_apart)`,
  );
  await forEachKey(connection, services, key => keys.add(apartKey(key)));
  return new ApartRows(keys, limit);
}

/** The key that says that a row of the service may have extensions kept apart. */
function apartKey(serviceKey: number): number {
  return rowKey('apart', serviceKey);
}
