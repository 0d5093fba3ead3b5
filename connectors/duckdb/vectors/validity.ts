import bindings from '@duckdb/node-bindings';

/** The validity mask of one vector: one bit for each row, 0 for null. */
export class Validity {
  readonly #bits: Uint8Array<ArrayBuffer>;
  #isAllValid = true;

  constructor(rows: number) {
    this.#bits = new Uint8Array(Math.ceil(rows / 64) * 8).fill(0xff);
  }

  setNull(row: number): void {
    this.#isAllValid = false;
    this.#bits[row >> 3]! &= ~(1 << (row & 7));
  }

  /** Writes the mask, and clears it for the next vector. */
  flush(vector: bindings.Vector): void {
    if (this.#isAllValid) return;
    bindings.vector_ensure_validity_writable(vector);
    bindings.copy_data_to_vector_validity(vector, 0, this.#bits.buffer, 0, this.#bits.length);
    this.#bits.fill(0xff);
    this.#isAllValid = true;
  }
}
