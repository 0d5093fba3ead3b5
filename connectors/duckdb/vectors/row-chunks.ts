import {
  BIGINT,
  BLOB,
  BOOLEAN,
  type DuckDBConnection,
  DuckDBDataChunk,
  type DuckDBType,
  INTEGER,
  TIMESTAMP,
  VARCHAR,
} from '@duckdb/node-api';
import bindings from '@duckdb/node-bindings';
import type { StoredExtension } from '../../../schemas/events/extensions.ts';
import { ExtensionWriter, extensionsType } from './extension-vector.ts';
import { WholeNumberWriter } from './number-vector.ts';
import { TextWriter } from './text-vector.ts';

/** DuckDB's vectors hold this many rows; appending a chunk with more is not safe. */
const chunkRows = 2048;

/** Collects the values of one vector row by row between `start` and `flush`, which writes them all. */
interface Writer<V> {
  start(count: number): void;
  set(row: number, value: V): void;
  flush(vector: bindings.Vector, count: number): void;
}

/** A column of a table: its type, and how its vectors are filled from rows of the type `R`. */
export interface Column<R> {
  readonly type: DuckDBType;
  write(vector: bindings.Vector, rows: readonly R[]): void;
}

type Maybe<T> = T | null | undefined;

export const text = <R>(getValue: (row: R) => Maybe<string>): Column<R> => column(VARCHAR, textWriter, getValue);
export const blob = <R>(getValue: (row: R) => Maybe<Uint8Array>): Column<R> => column(BLOB, textWriter, getValue);
/** A column of whole numbers from -(2^53 - 1) to 2^53 - 1. */
export const whole = <R>(getValue: (row: R) => Maybe<number>): Column<R> => column(BIGINT, wholeNumberWriter, getValue);
/** A column of times in milliseconds since 1970 UTC. */
export const timestamp = <R>(getValue: (row: R) => Maybe<number>): Column<R> =>
  column(TIMESTAMP, wholeNumberWriter, row => {
    const instant = getValue(row);
    return instant === null || instant === undefined ? instant : instant * 1000;
  });
export const extensions = <R>(getValue: (row: R) => readonly StoredExtension[] | null): Column<R> =>
  column(extensionsType, extensionWriter, getValue);
export const integer = <R>(getValue: (row: R) => number): Column<R> => ({
  type: INTEGER,
  write: (vector, rows) => {
    const values = Int32Array.from(rows, getValue);
    bindings.copy_data_to_vector(vector, 0, values.buffer, 0, values.byteLength);
  },
});
export const flag = <R>(getValue: (row: R) => boolean): Column<R> => ({
  type: BOOLEAN,
  write: (vector, rows) => {
    const values = Uint8Array.from(rows, row => Number(getValue(row)));
    bindings.copy_data_to_vector(vector, 0, values.buffer, 0, values.byteLength);
  },
});
export const falseColumn = <R>(): Column<R> => ({
  type: BOOLEAN,
  write: (vector, rows) => bindings.copy_data_to_vector(vector, 0, new ArrayBuffer(rows.length), 0, rows.length),
});

// Shared by all columns, because a vector is filled without an `await`: the buffers are reused for the next vector.
const textWriter = new TextWriter();
const wholeNumberWriter = new WholeNumberWriter();
const extensionWriter = new ExtensionWriter();

function column<R, V>(type: DuckDBType, writer: Writer<V>, getValue: (row: R) => V): Column<R> {
  return {
    type,
    write(vector, rows) {
      writer.start(rows.length);
      for (let row = 0; row < rows.length; row += 1) writer.set(row, getValue(rows[row]!));
      writer.flush(vector, rows.length);
    },
  };
}

/** A chunk ends with the row that brings it to this many bytes of texts: DuckDB holds chunks whole in its memory. */
const chunkBytes = 4 << 20;

/** Copies rows into DuckDB's memory as data chunks, column by column. `bytesOf` says how long a row's texts are. */
export function buildChunks<R>(
  columns: readonly Column<R>[],
  rows: readonly R[],
  bytesOf: (row: R) => number = () => 0,
): readonly DuckDBDataChunk[] {
  const types = columns.map(({ type }) => type);
  const chunks: DuckDBDataChunk[] = [];
  for (let from = 0, to = 0; from < rows.length; from = to) {
    for (let bytes = 0; to < rows.length && to - from < chunkRows && bytes < chunkBytes; to += 1)
      bytes += bytesOf(rows[to]!);
    const part = to - from === rows.length ? rows : rows.slice(from, to);
    const chunk = DuckDBDataChunk.create(types, part.length);
    for (const [position, { write }] of columns.entries())
      write(bindings.data_chunk_get_vector(chunk.chunk, position), part);
    chunks.push(chunk);
  }
  return chunks;
}

/** Appends chunks to a table with the same columns, in the connection's transaction. */
export async function appendChunks(
  connection: DuckDBConnection,
  table: string,
  chunks: readonly DuckDBDataChunk[],
): Promise<void> {
  if (chunks.length === 0) return;
  const appender = await connection.createAppender(table);
  for (const chunk of chunks) appender.appendDataChunk(chunk);
  appender.closeSync();
}
