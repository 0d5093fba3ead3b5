import { DOUBLE, type DuckDBConnection, DuckDBDataChunk, VARCHAR } from '@duckdb/node-api';
import bindings from '@duckdb/node-bindings';

/** A column of a staged table: text, or numbers that a double holds exactly. */
export interface StagedColumn {
  readonly name: string;
  readonly type: 'text' | 'number';
}

export type StagedValue = string | number | null | undefined;

/** More rows than this in one chunk are not safe to append. */
const chunkRows = 2048;

/**
 * Rows on their way into a temporary table of the same name, written column by column into DuckDB's own memory: short
 * text lies inside of the vector itself, so only long text costs a call of its own.
 */
export class StagedTable {
  readonly #name: string;
  readonly #columns: readonly StagedColumn[];
  readonly #rows: StagedValue[][] = [];

  constructor(name: string, columns: readonly StagedColumn[]) {
    this.#name = name;
    this.#columns = columns;
  }

  get rows(): number {
    return this.#rows.length;
  }

  /** Takes one row, its values in the order of the columns. */
  push(row: StagedValue[]): void {
    this.#rows.push(row);
  }

  /** Makes the table anew with these rows. */
  async write(connection: DuckDBConnection): Promise<void> {
    const definitions = this.#columns.map(({ name, type }) => `"${name}" ${type === 'text' ? 'VARCHAR' : 'DOUBLE'}`);
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${this.#name} (${definitions.join(', ')})`);
    const appender = await connection.createAppender(this.#name, 'main', 'temp');
    for (let from = 0; from < this.#rows.length; from += chunkRows) {
      appender.appendDataChunk(this.#chunk(from, Math.min(chunkRows, this.#rows.length - from)));
    }
    appender.closeSync();
  }

  #chunk(from: number, count: number): DuckDBDataChunk {
    const types = this.#columns.map(({ type }) => (type === 'text' ? VARCHAR : DOUBLE));
    const chunk = DuckDBDataChunk.create(types, count);
    for (const [position, { type }] of this.#columns.entries()) {
      const column = type === 'text' ? textColumn : numberColumn;
      column.clear();
      for (let row = 0; row < count; row += 1) {
        const value = this.#rows[from + row]![position];
        if (value === undefined || value === null) column.setNull(row);
        else column.set(row, value);
      }
      column.flush(bindings.data_chunk_get_vector(chunk.chunk, position), count);
    }
    return chunk;
  }
}

/** DuckDB's validity mask: a bit a row, set where there is a value. */
class Validity {
  readonly #bits = new Uint8Array(chunkRows / 8);
  #complete = true;

  clear(): void {
    if (!this.#complete) this.#bits.fill(0xff);
    this.#complete = true;
  }

  setNull(row: number): void {
    if (this.#complete) this.#bits.fill(0xff);
    this.#complete = false;
    this.#bits[row >> 3]! &= ~(1 << (row & 7));
  }

  flush(vector: bindings.Vector): void {
    if (this.#complete) return;
    bindings.vector_ensure_validity_writable(vector);
    bindings.copy_data_to_vector_validity(vector, 0, this.#bits.buffer, 0, this.#bits.length);
  }
}

/** Longest text, in bytes, that DuckDB keeps inside of its 16-byte string; the rest of the 16 must be zero. */
const inlineBytes = 12;

class TextColumn {
  readonly #validity = new Validity();
  readonly #bytes = new Uint8Array(chunkRows * 16);
  readonly #lengths = new Uint32Array(this.#bytes.buffer);
  readonly #long: { readonly row: number; readonly text: string }[] = [];

  clear(): void {
    this.#validity.clear();
    this.#bytes.fill(0);
    this.#long.length = 0;
  }

  setNull(row: number): void {
    this.#validity.setNull(row);
  }

  set(row: number, value: string | number): void {
    const text = String(value);
    if (text.length > inlineBytes || !this.#writeInline(row, text)) this.#long.push({ row, text });
  }

  flush(vector: bindings.Vector, count: number): void {
    bindings.copy_data_to_vector(vector, 0, this.#bytes.buffer, 0, count * 16);
    this.#validity.flush(vector);
    for (const { row, text } of this.#long) assignLong(vector, row, text);
  }

  /** False when the text is not ASCII; what was written of it is then overwritten by the long form. */
  #writeInline(row: number, text: string): boolean {
    const start = row * 16 + 4;
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      if (unit > 0x7f) return false;
      this.#bytes[start + at] = unit;
    }
    this.#lengths[row * 4] = text.length;
    return true;
  }
}

/** A text with NUL must be handed over with its length, or it ends there. */
function assignLong(vector: bindings.Vector, row: number, text: string): void {
  if (text.includes('\0')) bindings.vector_assign_string_element_len(vector, row, Buffer.from(text));
  else bindings.vector_assign_string_element(vector, row, text);
}

class NumberColumn {
  readonly #validity = new Validity();
  readonly #values = new Float64Array(chunkRows);

  clear(): void {
    this.#validity.clear();
  }

  setNull(row: number): void {
    this.#validity.setNull(row);
  }

  set(row: number, value: string | number): void {
    this.#values[row] = Number(value);
  }

  flush(vector: bindings.Vector, count: number): void {
    bindings.copy_data_to_vector(vector, 0, this.#values.buffer, 0, count * 8);
    this.#validity.flush(vector);
  }
}

// One chunk is filled at a time, without a pause between: its buffers serve the next one too.
const textColumn = new TextColumn();
const numberColumn = new NumberColumn();
