import bindings from '@duckdb/node-bindings';
import { TextWriter } from './text-vector.ts';
import { Validity } from './validity.ts';

/** Fills the places of a vector of lists: where each row's items begin in the vector of all items, and how many there are. */
export class ListWriter {
  #words = new Uint32Array(0);
  #validity = new Validity(0);
  #items = 0;

  start(count: number): void {
    this.#items = 0;
    if (count * 4 <= this.#words.length) return;
    const rows = Math.max(count, this.#words.length / 2, 2048);
    this.#words = new Uint32Array(rows * 4);
    this.#validity = new Validity(rows);
  }

  /** The row's items follow those of the row before. */
  set(row: number, length: number | null): void {
    if (length === null) this.#validity.setNull(row);
    this.#words[row * 4] = this.#items;
    this.#words[row * 4 + 2] = length ?? 0;
    this.#items += length ?? 0;
  }

  /** Gives the vector of the items, with room for all of them. */
  flush(vector: bindings.Vector, count: number): bindings.Vector {
    bindings.copy_data_to_vector(vector, 0, this.#words.buffer, 0, count * 16);
    this.#validity.flush(vector);
    bindings.list_vector_reserve(vector, this.#items);
    bindings.list_vector_set_size(vector, this.#items);
    return bindings.list_vector_get_child(vector);
  }
}

const texts = new TextWriter();

/** Fills a vector with texts alone. */
export function writeTexts(vector: bindings.Vector, values: readonly string[]): void {
  if (values.length === 0) return;
  texts.start(values.length);
  for (let row = 0; row < values.length; row += 1) texts.set(row, values[row]);
  texts.flush(vector, values.length);
}
