import bindings from '@duckdb/node-bindings';
import { Validity } from './validity.ts';

/** Longest text in bytes that DuckDB stores in a string's cell of 16 bytes. Unused bytes of the cell must be zero. */
const inlineBytes = 12;
/** Up to this many characters, a loop in JavaScript encodes faster than a call of `Buffer.write`. */
const shortCharacters = 64;

/**
 * Fills vectors of VARCHAR or BLOB. A cell has 16 bytes: the length of the text, and then the text itself, up to 12
 * bytes, or its first four bytes and its address. The long texts of a vector are collected in one heap, which DuckDB
 * copies in one call into memory that lives as long as the vector; the cells then point into that copy. A call for each
 * text would cost ten times as much.
 */
export class TextWriter {
  #cells = new Uint8Array(0);
  #words = new Uint32Array(0);
  #validity = new Validity(0);
  /** The rows with long texts. Until `flush`, the address in their cells is the position of the text in the heap. */
  #longRows = new Uint32Array(0);
  #longCount = 0;
  #heap = Buffer.allocUnsafe(1 << 16);
  #used = 0;

  /** Prepares for the next vector, of `count` rows. */
  start(count: number): void {
    if (count * 16 > this.#cells.length) this.#allocate(Math.max(count, 2 * this.#longRows.length, 2048));
    this.#cells.fill(0, 0, count * 16);
    this.#longCount = 0;
    this.#used = 0;
  }

  set(row: number, value: string | Uint8Array | null | undefined): void {
    if (value === null || value === undefined) this.#validity.setNull(row);
    else if (typeof value !== 'string') this.#setBytes(row, value);
    else if (value.length > inlineBytes || !this.#setInline(row, value)) this.#setLong(row, value);
  }

  flush(vector: bindings.Vector, count: number): void {
    if (this.#longCount > 0) this.#setAddresses(this.#copyHeap(vector));
    bindings.copy_data_to_vector(vector, 0, this.#cells.buffer, 0, count * 16);
    this.#validity.flush(vector);
  }

  #allocate(rows: number): void {
    this.#cells = new Uint8Array(rows * 16);
    this.#words = new Uint32Array(this.#cells.buffer);
    this.#longRows = new Uint32Array(rows);
    this.#validity = new Validity(rows);
  }

  /** Returns false when the text is not ASCII. The caller then overwrites the bytes that were written already. */
  #setInline(row: number, text: string): boolean {
    const cells = this.#cells;
    const start = row * 16 + 4;
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      if (unit > 0x7f) return false;
      cells[start + at] = unit;
    }
    this.#words[row * 4] = text.length;
    return true;
  }

  #setLong(row: number, text: string): void {
    this.#reserve(text.length * 3);
    this.#writeCell(row, text.length <= shortCharacters ? this.#encodeShort(text) : this.#encode(text));
  }

  #setBytes(row: number, bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#heap.set(bytes, this.#used);
    this.#writeCell(row, bytes.length);
  }

  #encodeShort(text: string): number {
    const heap = this.#heap;
    const start = this.#used;
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      if (unit > 0x7f) return this.#encode(text);
      heap[start + at] = unit;
    }
    return text.length;
  }

  /** Lone surrogates become U+FFFD, because DuckDB must never store text that is not UTF-8. */
  #encode(text: string): number {
    return this.#heap.write(text, this.#used, 'utf8');
  }

  /** Makes the row's cell from the `length` bytes that were just written at the end of the heap. */
  #writeCell(row: number, length: number): void {
    const cell = row * 16;
    const copied = length <= inlineBytes ? length : 4;
    for (let at = 0; at < copied; at += 1) this.#cells[cell + 4 + at] = this.#heap[this.#used + at]!;
    this.#words[row * 4] = length;
    if (length <= inlineBytes) return;
    this.#words[row * 4 + 2] = this.#used;
    this.#longRows[this.#longCount] = row;
    this.#longCount += 1;
    this.#used += length;
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#heap.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#heap.length * 2, this.#used + bytes));
    this.#heap.copy(larger, 0, 0, this.#used);
    this.#heap = larger;
  }

  /** Copies the heap to DuckDB and returns the address of the copy, read from the cell that DuckDB made for it. */
  #copyHeap(vector: bindings.Vector): number {
    bindings.vector_assign_string_element_len(vector, 0, this.#heap.subarray(0, this.#used));
    const made = bindings.vector_get_data(vector, 16);
    const words = new DataView(made.buffer, made.byteOffset, 16);
    if (words.getUint32(0, true) !== this.#used) throw new Error('DuckDB did not copy the text of a column');
    return words.getUint32(8, true) + words.getUint32(12, true) * 0x1_0000_0000;
  }

  #setAddresses(base: number): void {
    const words = this.#words;
    for (let index = 0; index < this.#longCount; index += 1) {
      const word = this.#longRows[index]! * 4;
      const address = base + words[word + 2]!;
      words[word + 2] = address;
      words[word + 3] = address / 0x1_0000_0000;
    }
  }
}
