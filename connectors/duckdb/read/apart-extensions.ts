import { randomBytes } from 'node:crypto';
import type { DuckDBConnection } from '@duckdb/node-api';
import { entityTables } from '../../../schemas/columns.ts';
import type { Entity } from '../../../schemas/events/events.ts';
import { orderKeys } from '../../../schemas/exports/file-rows.ts';
import { addressStep, placedPart, rowsAtAddresses, type Slice } from '../../../schemas/exports/row-addresses.ts';
import { entityIdValues, quoteText, readSql } from '../../../schemas/tables/sql.ts';
import { readNumber } from '../file/read-number.ts';

/** An extension of a row, as compact JSON. */
export interface ApartExtension {
  /** The row's number in file order, from 1, among those whose extensions are kept apart. */
  readonly row: number;
  readonly name: string;
  /** The name as a JSON string, with the escapes that DuckDB writes. */
  readonly nameJson: string;
  readonly json: string;
}

/** How many bytes of values are read at once, about, and how many values. */
const [bytesAtOnce, valuesAtOnce] = [4 << 20, 1_000];

/**
 * The extensions of an export's rows that are kept apart from them. They may be larger than DuckDB's memory, so it writes
 * placeholders into the files' lines, and the values are read here, a few at a time, and inserted.
 */
export class ApartExtensions {
  /** Stands in the lines for what is inserted, before a letter of the entity and a row's number. No data holds it. */
  readonly placeholder = `apart${randomBytes(16).toString('hex')}`;
  readonly #connection: DuckDBConnection;
  readonly #entities = new Set<Entity>();

  constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  /** Finds the entity's rows, once its addresses are known, and directs these to copies that hold placeholders. */
  async find(entity: Entity, rows: string, hasLate: boolean): Promise<void> {
    const { table, ids, values } = entityTables[entity];
    if ((await readNumber(this.#connection, `SELECT count(*) FROM (FROM ${table}_apart LIMIT 1)`)) === 0) return;
    await this.#connection.run(
      readSql('exports/find_apart_rows.sql', {
        ...{ table, rows, ...entityIdValues(entity) },
        addresses: entity === 'service' ? 'selected_services' : `${table}_addresses`,
        columns: [...ids, ...values].map(column => `x.${column}`).join(', '),
        found_rows: rowsAtAddresses(entity, `${table}_found`, hasLate),
        order: orderKeys(entity, 'f.rank'),
        placeholder: quoteText(this.placeholder),
        letter: letters[entity],
        step: addressStep,
        part: placedPart,
      }),
    );
    if ((await readNumber(this.#connection, `SELECT count(*) FROM ${table}_placed`)) > 0) this.#entities.add(entity);
  }

  has(entity: Entity): boolean {
    return this.#entities.has(entity);
  }

  /** The text that stands for a row's extensions, after the placeholder. */
  keyOf(entity: Entity, row: number): string {
    return `${letters[entity]}${row}`;
  }

  /** The extensions of the rows of some services, or of all: row by row, each row's in their order. */
  async *read(entity: Entity, services?: Pick<Slice, 'firstRank' | 'lastRank'>): AsyncGenerator<ApartExtension> {
    if (!this.has(entity)) return;
    const { table } = entityTables[entity];
    const [from, to] = await this.#sequence(table, services);
    for (let next = from; next <= to; next += valuesAtOnce) {
      const page = await this.#connection.runAndReadAll(
        `SELECT v.number, v.name, to_json(v.name)::VARCHAR, v.piece, v.bytes,
           CASE WHEN v.piece < 0 THEN r.own[-v.piece].json END
         FROM ${table}_apart_values v JOIN ${table}_placed r ON r.number = v.number
         WHERE v.sequence BETWEEN ${next} AND ${Math.min(to, next + valuesAtOnce - 1)} ORDER BY v.sequence`,
      );
      const values = page.getRows().map(toValue);
      for (let at = 0; at < values.length; ) {
        const group = values.slice(at, at + groupLength(values, at));
        const jsons = await this.#readPieces(table, group);
        for (const { piece, own, ...extension } of group) yield { ...extension, json: own ?? jsons.get(piece)! };
        at += group.length;
      }
    }
  }

  /** The numbers of the first and of the last value of some services, or of all; the last is smaller when there are none. */
  async #sequence(table: string, services?: Pick<Slice, 'firstRank' | 'lastRank'>): Promise<readonly [number, number]> {
    const condition = services === undefined ? 'true' : `rank BETWEEN ${services.firstRank} AND ${services.lastRank}`;
    const reader = await this.#connection.runAndReadAll(
      `SELECT coalesce(min(sequence), 1), coalesce(max(sequence), 0) FROM ${table}_apart_values WHERE ${condition}`,
    );
    return [Number(reader.value(0, 0)), Number(reader.value(1, 0))];
  }

  async #readPieces(table: string, values: readonly Value[]): Promise<ReadonlyMap<number, string>> {
    const pieces = values.flatMap(({ piece }) => (piece < 0 ? [] : [piece]));
    if (pieces.length === 0) return new Map();
    const reader = await this.#connection.runAndReadAll(
      `SELECT rowid, json FROM ${table}_apart WHERE rowid IN (${pieces.join(', ')})`,
    );
    return new Map(reader.getRows().map(([rowid, json]) => [Number(rowid), String(json)]));
  }
}

const letters: Readonly<Record<Entity, string>> = { service: 'v', state: 's', task: 't' };

interface Value extends Omit<ApartExtension, 'json'> {
  /** The rowid of the value; below 0 where `own` holds the value. */
  readonly piece: number;
  readonly own: string | null;
  readonly bytes: number;
}

function toValue([row, name, nameJson, piece, bytes, own]: readonly unknown[]): Value {
  return {
    ...{ row: Number(row), name: String(name), nameJson: String(nameJson) },
    ...{ piece: Number(piece), own: own === null ? null : String(own), bytes: Number(bytes) },
  };
}

/** How many of the values from a position on are read at once: at least one. */
function groupLength(values: readonly Value[], from: number): number {
  let bytes = values[from]!.bytes;
  let length = 1;
  while (from + length < values.length && bytes + values[from + length]!.bytes <= bytesAtOnce) {
    bytes += values[from + length]!.bytes;
    length += 1;
  }
  return length;
}
