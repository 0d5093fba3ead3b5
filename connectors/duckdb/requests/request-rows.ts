import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import type { Asker, ChangedSince, ExportRecord, ListFilter, RequestState } from '../../../pipeline/export/request.ts';
import { appendChunks, buildChunks, type Column, flag, text, timestamp, whole } from '../vectors/row-chunks.ts';

/** A row of the table `exports`. */
export interface RequestRow {
  readonly record: ExportRecord;
  /** The number of the request's last status; 0 before the first. */
  readonly sequence: number;
  /** True when a status has said that later events contradict the export. */
  readonly isReported: boolean;
}

const columns = `request_id, state, door, client, epoch_ms(accepted_at), epoch_ms(ended_at), parameters, plan, manifest,
  error, cancelled_by, sequence, snapshot_batch, reported, c.stored_at, c.topic, c.partition, c."offset", c.services`;

/** Of each export, what contradicts it: the first event, and the services of all batches after its snapshot together. */
const contradictions = `LEFT JOIN (
    SELECT x.request_id AS id, epoch_ms(arg_min(x.stored_at, x.batch)) AS stored_at, arg_min(x.topic, x.batch) AS topic,
      arg_min(x.partition, x.batch) AS partition, arg_min(x."offset", x.batch) AS "offset", sum(x.services) AS services
    FROM contradictions x JOIN exports e USING (request_id)
    WHERE e.completeness = 'complete' AND x.batch > e.snapshot_batch
    GROUP BY x.request_id
  ) c ON c.id = request_id`;

/** Reads the requests that a SQL clause selects, in the order of that clause. */
export async function selectRequests(
  connection: DuckDBConnection,
  clause: string,
  parameters: DuckDBValue[],
): Promise<readonly RequestRow[]> {
  const reader = await connection.runAndReadAll(
    `SELECT ${columns} FROM exports ${contradictions} ${clause}`,
    parameters,
  );
  return reader.getRows().map(rowOf);
}

export async function selectRequest(connection: DuckDBConnection, requestId: string): Promise<RequestRow | null> {
  return (await selectRequests(connection, 'WHERE request_id = $1', [requestId]))[0] ?? null;
}

/** The newest requests that the filter lets through, newest first. */
export function listRequests(
  connection: DuckDBConnection,
  limit: number,
  filter?: ListFilter,
): Promise<readonly RequestRow[]> {
  const { after = null, states = null, door = null, acceptedFrom = null, acceptedTo = null } = filter ?? {};
  const clause = `WHERE ($2::BIGINT IS NULL OR accepted_at < make_timestamp($2::BIGINT * 1000)
      OR (accepted_at = make_timestamp($2::BIGINT * 1000) AND request_id > $3::VARCHAR))
    AND ($4::VARCHAR IS NULL OR list_contains(string_split($4::VARCHAR, ','), state))
    AND ($5::VARCHAR IS NULL OR door = $5::VARCHAR)
    AND ($6::BIGINT IS NULL OR accepted_at >= make_timestamp($6::BIGINT * 1000))
    AND ($7::BIGINT IS NULL OR accepted_at < make_timestamp($7::BIGINT * 1000))
    ORDER BY accepted_at DESC, request_id LIMIT $1`;
  return selectRequests(connection, clause, [
    ...[limit, bigint(after?.acceptedAt ?? null), after?.requestId ?? null, states?.join(',') ?? null, door],
    ...[bigint(acceptedFrom), bigint(acceptedTo)],
  ]);
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
  text(({ record }) => record.manifest?.status),
  whole(({ record }) => record.snapshotBatch),
  flag(({ isReported }) => isReported),
];

/** Writes the columns of a request that can change. Throws when the request has no row. */
export async function updateRequest(connection: DuckDBConnection, row: RequestRow): Promise<void> {
  const { record, sequence, isReported } = row;
  const { requestId, state, manifest, error, cancelledBy, endedAt, snapshotBatch } = record;
  const { rowsChanged } = await connection.run(
    `UPDATE exports SET state = $2::VARCHAR, manifest = $3::VARCHAR, error = $4::VARCHAR, cancelled_by = $5::VARCHAR,
       ended_at = make_timestamp($6::BIGINT * 1000), sequence = $7::BIGINT, completeness = $8::VARCHAR,
       snapshot_batch = $9::BIGINT, reported = $10::BOOLEAN
     WHERE request_id = $1::VARCHAR`,
    [
      ...[requestId, state, json(manifest), json(error), cancelledBy, bigint(endedAt), BigInt(sequence)],
      ...[manifest?.status ?? null, bigint(snapshotBatch), isReported],
    ],
  );
  if (rowsChanged !== 1)
    throw new Error(`the update of request ${requestId} changed ${rowsChanged} rows instead of one`);
}

/** What contradicts an export, of the batches after the last one in its snapshot. */
export async function readChangedSince(
  connection: DuckDBConnection,
  requestId: string,
  snapshotBatch: number,
): Promise<ChangedSince | null> {
  const reader = await connection.runAndReadAll(
    `SELECT epoch_ms(arg_min(stored_at, batch)), arg_min(topic, batch), arg_min(partition, batch), arg_min("offset", batch), sum(services)
     FROM contradictions WHERE request_id = $1 AND batch > $2`,
    [requestId, BigInt(snapshotBatch)],
  );
  return changedSinceOf(reader.getRows()[0] ?? []);
}

function changedSinceOf([at, topic, partition, offset, services]: readonly (DuckDBValue | undefined)[]) {
  if (at === null || at === undefined) return null;
  const first = { at: Number(at), topic: String(topic), partition: Number(partition), offset: Number(offset) };
  return { ...first, services: Number(services) };
}

function rowOf(row: readonly DuckDBValue[]): RequestRow {
  const [id, state, door, client, acceptedAt, endedAt, given, plan, manifest, error, by, sequence] = row;
  const [snapshotBatch, isReported, at, topic, partition, offset, services] = row.slice(12);
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
    snapshotBatch: snapshotBatch === null ? null : Number(snapshotBatch),
    changedSince: changedSinceOf([at, topic, partition, offset, services]),
  };
  return { record, sequence: Number(sequence), isReported: isReported === true };
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

export function bigint(value: number | null): bigint | null {
  return value === null ? null : BigInt(value);
}

export function json(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value);
}

export function parsed(text: unknown): unknown {
  return text === null ? null : JSON.parse(String(text));
}
