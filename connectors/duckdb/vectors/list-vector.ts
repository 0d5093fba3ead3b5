import bindings from '@duckdb/node-bindings';
import { TextWriter } from './text-vector.ts';
import { Validity } from './validity.ts';

/** Fills a vector of lists: for each row, where its first item is in the vector of all items, and how many it has. */
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

  /** Sets the length of a row's list, or null. Its items follow those of the row before. */
  set(row: number, length: number | null): void {
    if (length === null) this.#validity.setNull(row);
    this.#words[row * 4] = this.#items;
    this.#words[row * 4 + 2] = length ?? 0;
    this.#items += length ?? 0;
  }

  /** Returns the vector of all items, with room for as many as the lists have. */
  flush(vector: bindings.Vector, count: number): bindings.Vector {
    bindings.copy_data_to_vector(vector, 0, this.#words.buffer, 0, count * 16);
    this.#validity.flush(vector);
    bindings.list_vector_reserve(vector, this.#items);
    bindings.list_vector_set_size(vector, this.#items);
    return bindings.list_vector_get_child(vector);
  }
}

const textWriter = new TextWriter();

/** Fills a vector with texts, none of them null. */
export function writeTexts(vector: bindings.Vector, values: readonly string[]): void {
  if (values.length === 0) return;
  textWriter.start(values.length);
  for (let row = 0; row < values.length; row += 1) textWriter.set(row, values[row]);
  textWriter.flush(vector, values.length);
}
