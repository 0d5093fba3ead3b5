import type { DuckDBConnection } from '@duckdb/node-api';
import type { WrittenRows } from '../../../pipeline/export/snapshot.ts';
import type { ByteSink } from '../../../pipeline/ports.ts';
import { quoteText } from '../../../schemas/tables/sql.ts';
import { readNumber } from '../file/read-number.ts';
import type { ApartInsertion } from './apart-insertion.ts';
import { Pipe } from './pipe.ts';

/** How one exported file is made: the queries whose output lines are its content, and the text around them. */
export interface FilePlan {
  readonly head: string;
  /** True when no query would return a line. The file is then written without running any. */
  readonly isEmpty: boolean;
  /** The queries, in the order of their lines. The tables that a query reads are created before it is yielded. */
  queries(): AsyncIterable<string>;
  readonly tail: string;
  /** Options of DuckDB's COPY. */
  readonly copyOptions: string;
  readonly columns: readonly string[];
  readonly valuesLeftOut: number;
  /** Makes the file's bytes from those of the queries; null when they are the same. `rows` counts what it made. */
  readonly transform: { take(bytes: Uint8Array): Uint8Array; end(): Uint8Array; readonly rows: number } | null;
  /** Replaces placeholders in the file's bytes; null when there are none. */
  readonly insertion: Pick<ApartInsertion, 'take' | 'end'> | null;
  /** Closes the files that the plan has open. To be called once, whether the file was written or not. */
  release(): void;
}

/**
 * Writes a planned file into `sink`. `connection` must be in the transaction of the plan; `pipePath` is a free path for
 * a FIFO. When the sink fails, the query is interrupted and the sink's error is thrown.
 */
export async function writePlannedFile(
  plan: FilePlan,
  { connection, pipePath }: { readonly connection: DuckDBConnection; readonly pipePath: string },
  sink: ByteSink,
): Promise<WrittenRows> {
  const { head, tail, transform, insertion, columns, valuesLeftOut } = plan;
  if (plan.isEmpty) return writeEmptyFile(plan, sink);
  if (head !== '') await sink(Buffer.from(head));
  const pipe = await Pipe.open(pipePath);
  const insert = insertion === null ? sink : insertingSink(insertion, sink);
  const takeBytes = transform === null ? insert : (bytes: Uint8Array) => insert(transform.take(bytes));
  const lines = await pipe.transfer(sinkFailed => runQueries(plan, { connection, pipePath, sinkFailed }), takeBytes);
  if (transform !== null) await insert(transform.end());
  if (insertion !== null) await sink(insertion.end());
  if (tail !== '') await sink(Buffer.from(tail));
  return { rows: transform === null ? lines : transform.rows, columns, valuesLeftOut };
}

function insertingSink(insertion: Pick<ApartInsertion, 'take'>, sink: ByteSink): ByteSink {
  return async bytes => {
    for (const part of insertion.take(bytes)) await sink(part);
  };
}

async function writeEmptyFile(
  { head, tail, transform, columns, valuesLeftOut }: FilePlan,
  sink: ByteSink,
): Promise<WrittenRows> {
  const body = transform === null ? '' : Buffer.from(transform.end()).toString();
  const text = `${head}${body}${tail}`;
  if (text !== '') await sink(Buffer.from(text));
  return { rows: 0, columns, valuesLeftOut };
}

interface QueryRun {
  readonly connection: DuckDBConnection;
  readonly pipePath: string;
  readonly sinkFailed: AbortSignal;
}

/** Runs the queries into the pipe, one after another, and returns the number of lines. Stops when the sink fails. */
async function runQueries({ queries, copyOptions }: FilePlan, run: QueryRun): Promise<number> {
  const { connection, pipePath, sinkFailed } = run;
  const options = `FORMAT csv, HEADER false, USE_TMP_FILE false, ${copyOptions}`;
  sinkFailed.addEventListener('abort', () => connection.interrupt());
  let lines = 0;
  for await (const query of queries()) {
    sinkFailed.throwIfAborted();
    lines += await readNumber(connection, `COPY (${query}) TO ${quoteText(pipePath)} (${options})`);
  }
  return lines;
}
