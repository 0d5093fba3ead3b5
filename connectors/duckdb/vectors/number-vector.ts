import bindings from '@duckdb/node-bindings';
import { Validity } from './validity.ts';

/** Fills vectors of BIGINT and TIMESTAMP with whole numbers of at most 53 bits. A BigInt for each would be slow. */
export class WholeNumberWriter {
  #words = new Uint32Array(0);
  #validity = new Validity(0);

  start(count: number): void {
    if (count * 2 <= this.#words.length) return;
    const rows = Math.max(count, this.#words.length, 2048);
    this.#words = new Uint32Array(rows * 2);
    this.#validity = new Validity(rows);
  }

  set(row: number, value: number | null | undefined): void {
    if (value === null || value === undefined) this.#validity.setNull(row);
    else {
      this.#words[row * 2] = value;
      this.#words[row * 2 + 1] = Math.floor(value / 0x1_0000_0000);
    }
  }

  flush(vector: bindings.Vector, count: number): void {
    bindings.copy_data_to_vector(vector, 0, this.#words.buffer, 0, count * 8);
    this.#validity.flush(vector);
  }
}
