import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import type { Asker } from '../../../pipeline/export/request.ts';
import type { ReplayRecord } from '../../../pipeline/requests/replay-request.ts';
import { appendChunks, buildChunks, type Column, text, timestamp, whole } from '../vectors/row-chunks.ts';
import { bigint, json, parsed } from './request-rows.ts';

/** A row of the table `replays`. */
export interface ReplayRow {
  readonly record: ReplayRecord;
  /** The number of the replay's last status; 0 before the first. */
  readonly sequence: number;
}

/** The columns of the table `replays`, in the order of `schemas/tables/0001_store.sql`. */
const replayColumns: readonly Column<ReplayRow>[] = [
  text(({ record }) => record.requestId),
  text(({ record }) => record.state),
  text(({ record }) => record.asker.door),
  text(({ record }) => record.asker.client),
  timestamp(({ record }) => record.acceptedAt),
  timestamp(({ record }) => record.endedAt),
  text(({ record }) => JSON.stringify(record.given)),
  text(({ record }) => JSON.stringify(record.plan)),
  text(({ record }) => json(record.progress)),
  text(({ record }) => json(record.error)),
  text(({ record }) => record.cancelledBy),
  timestamp(({ record }) => record.usedAt),
  timestamp(({ record }) => record.droppedAt),
  whole(({ sequence }) => sequence),
];

export function insertReplay(connection: DuckDBConnection, row: ReplayRow): Promise<void> {
  return appendChunks(connection, 'replays', buildChunks(replayColumns, [row]));
}

/** Writes the columns of a replay that can change. */
export async function updateReplay(connection: DuckDBConnection, { record, sequence }: ReplayRow): Promise<void> {
  const { requestId, state, progress, error, cancelledBy, endedAt, usedAt, droppedAt } = record;
  await connection.run(
    `UPDATE replays SET state = $2::VARCHAR, progress = $3::VARCHAR, error = $4::VARCHAR, cancelled_by = $5::VARCHAR,
       ended_at = make_timestamp($6::BIGINT * 1000), used_at = make_timestamp($7::BIGINT * 1000),
       dropped_at = make_timestamp($8::BIGINT * 1000), sequence = $9::BIGINT
     WHERE request_id = $1::VARCHAR`,
    [
      ...[requestId, state, json(progress), json(error), cancelledBy],
      ...[bigint(endedAt), bigint(usedAt), bigint(droppedAt), BigInt(sequence)],
    ],
  );
}

/** All replays, oldest first. */
export async function selectReplays(connection: DuckDBConnection): Promise<readonly ReplayRow[]> {
  const reader = await connection.runAndReadAll(
    `SELECT request_id, state, door, client, epoch_ms(accepted_at), epoch_ms(ended_at), parameters, plan, progress, error,
       cancelled_by, epoch_ms(used_at), epoch_ms(dropped_at), sequence
     FROM replays ORDER BY accepted_at, request_id`,
  );
  return reader.getRows().map(rowOf);
}

function rowOf(row: readonly DuckDBValue[]): ReplayRow {
  const [id, state, door, client, acceptedAt, endedAt, given, plan, progress, error, by] = row;
  const [usedAt, droppedAt, sequence] = row.slice(11);
  const record: ReplayRecord = {
    requestId: String(id),
    // Only the replay store writes these columns, from values of the same types.
    state: String(state) as ReplayRecord['state'],
    asker: { door: String(door) as Asker['door'], client: String(client) },
    acceptedAt: Number(acceptedAt),
    endedAt: number(endedAt),
    given: parsed(given) as ReplayRecord['given'],
    plan: parsed(plan) as ReplayRecord['plan'],
    progress: parsed(progress) as ReplayRecord['progress'],
    error: parsed(error) as ReplayRecord['error'],
    cancelledBy: by === null ? null : String(by),
    usedAt: number(usedAt),
    droppedAt: number(droppedAt),
  };
  return { record, sequence: Number(sequence) };
}

function number(value: DuckDBValue | undefined): number | null {
  return value === null ? null : Number(value);
}
