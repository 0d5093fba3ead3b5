import type { DuckDBConnection } from '@duckdb/node-api';
import type { Asker, ExportRecord, RequestState } from '../../pipeline/requests.ts';

/** The states that a request never leaves. */
export const terminal = "('completed', 'failed', 'cancelled')";

/** A request as its row says it. */
export interface RequestRow {
  readonly record: ExportRecord;
  /** Of the last status that was written of it. */
  readonly sequence: number;
}

/** Requests by a clause of SQL, in its order. */
export async function selectRequests(
  connection: DuckDBConnection,
  which: string,
  parameters: (string | number)[],
): Promise<readonly RequestRow[]> {
  const reader = await connection.runAndReadAll(
    `SELECT request_id, state, door, client, epoch_ms(accepted_at), epoch_ms(ended_at), parameters, plan, manifest, error,
            cancelled_by, sequence
     FROM exports ${which}`,
    parameters,
  );
  return reader
    .getRows()
    .map(([id, state, door, client, acceptedAt, endedAt, given, plan, manifest, error, by, said]) => ({
      record: {
        requestId: String(id),
        // Only the request store writes these columns, from the same types.
        state: String(state) as RequestState,
        asker: { door: String(door) as Asker['door'], client: String(client) },
        acceptedAt: Number(acceptedAt),
        endedAt: endedAt === null ? null : Number(endedAt),
        given: parsed(given) as ExportRecord['given'],
        plan: parsed(plan) as ExportRecord['plan'],
        manifest: parsed(manifest) as ExportRecord['manifest'],
        error: parsed(error) as ExportRecord['error'],
        cancelledBy: by === null ? null : String(by),
      },
      sequence: Number(said),
    }));
}

export async function selectRequest(connection: DuckDBConnection, requestId: string): Promise<RequestRow | null> {
  return (await selectRequests(connection, 'WHERE request_id = $1', [requestId]))[0] ?? null;
}

export async function insertRequest(connection: DuckDBConnection, record: ExportRecord): Promise<void> {
  const { requestId, state, asker, acceptedAt, given, plan } = record;
  await connection.run(
    `INSERT INTO exports (request_id, state, door, client, accepted_at, parameters, plan, sequence)
     VALUES ($1, $2, $3, $4, make_timestamp($5::BIGINT * 1000), $6, $7, 0)`,
    [requestId, state, asker.door, asker.client, BigInt(acceptedAt), JSON.stringify(given), JSON.stringify(plan)],
  );
}

function parsed(text: unknown): unknown {
  return text === null ? null : JSON.parse(String(text));
}
