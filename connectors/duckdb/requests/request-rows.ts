import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import type { Asker, ExportRecord, RequestState } from '../../../pipeline/export/request.ts';
import { appendChunks, buildChunks, type Column, text, timestamp, whole } from '../vectors/row-chunks.ts';

/** A row of the table `exports`. */
export interface RequestRow {
  readonly record: ExportRecord;
  /** The number of the request's last status; 0 before the first. */
  readonly sequence: number;
}

const columns = `request_id, state, door, client, epoch_ms(accepted_at), epoch_ms(ended_at), parameters, plan, manifest,
  error, cancelled_by, sequence`;

/** Reads the requests that a SQL clause selects, in the order of that clause. */
export async function selectRequests(
  connection: DuckDBConnection,
  clause: string,
  parameters: DuckDBValue[],
): Promise<readonly RequestRow[]> {
  const reader = await connection.runAndReadAll(`SELECT ${columns} FROM exports ${clause}`, parameters);
  return reader.getRows().map(rowOf);
}

export async function selectRequest(connection: DuckDBConnection, requestId: string): Promise<RequestRow | null> {
  return (await selectRequests(connection, 'WHERE request_id = $1', [requestId]))[0] ?? null;
}

export function insertRequest(connection: DuckDBConnection, row: RequestRow): Promise<void> {
  return appendChunks(connection, 'exports', buildChunks(exportColumns, [row]));
}

/** The columns of the table `exports`, in the order of `schemas/tables/0001_store.sql`. */
const exportColumns: readonly Column<RequestRow>[] = [
  text(({ record }) => record.requestId),
  text(({ record }) => record.state),
  text(({ record }) => record.asker.door),
  text(({ record }) => record.asker.client),
  timestamp(({ record }) => record.acceptedAt),
  timestamp(({ record }) => record.endedAt),
  text(({ record }) => JSON.stringify(record.given)),
  text(({ record }) => JSON.stringify(record.plan)),
  text(({ record }) => json(record.manifest)),
  text(({ record }) => json(record.error)),
  text(({ record }) => record.cancelledBy),
  whole(({ sequence }) => sequence),
];

/** Writes the columns of a request that can change. Throws when the request has no row. */
export async function updateRequest(connection: DuckDBConnection, { record, sequence }: RequestRow): Promise<void> {
  const { requestId, state, manifest, error, cancelledBy, endedAt } = record;
  const { rowsChanged } = await connection.run(
    `UPDATE exports SET state = $2::VARCHAR, manifest = $3::VARCHAR, error = $4::VARCHAR, cancelled_by = $5::VARCHAR,
       ended_at = make_timestamp($6::BIGINT * 1000), sequence = $7::BIGINT
     WHERE request_id = $1::VARCHAR`,
    [requestId, state, json(manifest), json(error), cancelledBy, bigint(endedAt), BigInt(sequence)],
  );
  if (rowsChanged !== 1)
    throw new Error(`the update of request ${requestId} changed ${rowsChanged} rows instead of one`);
}

function rowOf(row: readonly DuckDBValue[]): RequestRow {
  const [id, state, door, client, acceptedAt, endedAt, given, plan, manifest, error, by, sequence] = row;
  const record: ExportRecord = {
    requestId: String(id),
    // Only the request store writes these columns, from values of the same types.
    state: String(state) as RequestState,
    asker: { door: String(door) as Asker['door'], client: String(client) },
    acceptedAt: Number(acceptedAt),
    endedAt: endedAt === null ? null : Number(endedAt),
    given: parsed(given) as ExportRecord['given'],
    plan: parsed(plan) as ExportRecord['plan'],
    manifest: parsed(manifest) as ExportRecord['manifest'],
    error: parsed(error) as ExportRecord['error'],
    cancelledBy: by === null ? null : String(by),
  };
  return { record, sequence: Number(sequence) };
}

/**
 * The requests that have not ended, by id. They are read once and then held in memory, because a query takes longer
 * than the rest of a request's step, and only this process writes them. To be used in the callbacks of `Transactions`.
 */
export class OpenRequests {
  #rows: Map<string, RequestRow> | null = null;

  /** Oldest first. The caller keeps the map equal to the rows that it writes. */
  async rows(connection: DuckDBConnection): Promise<Map<string, RequestRow>> {
    if (this.#rows !== null) return this.#rows;
    const clause = "WHERE state NOT IN ('completed', 'failed', 'cancelled') ORDER BY accepted_at";
    const rows = await selectRequests(connection, clause, []);
    this.#rows = new Map(rows.map(row => [row.record.requestId, row]));
    return this.#rows;
  }

  /** Makes the next call read the database again; to be called when a transaction was rolled back. */
  forget(): void {
    this.#rows = null;
  }
}

function bigint(value: number | null): bigint | null {
  return value === null ? null : BigInt(value);
}

function json(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value);
}

function parsed(text: unknown): unknown {
  return text === null ? null : JSON.parse(String(text));
}
