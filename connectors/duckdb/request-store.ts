import type { DuckDBConnection } from '@duckdb/node-api';
import type { Asker, ExportRecord, RequestState, RequestStore } from '../../pipeline/requests.ts';
import type { Database } from './database.ts';

const terminal = "('completed', 'failed', 'cancelled')";

/** Keeps export requests in the warehouse's file. */
export class DuckDbRequestStore implements RequestStore {
  readonly #connection: DuckDBConnection;
  readonly #now: () => number;

  private constructor(connection: DuckDBConnection, now: () => number) {
    this.#connection = connection;
    this.#now = now;
  }

  static async open(database: Database, now: () => number): Promise<DuckDbRequestStore> {
    return new DuckDbRequestStore(await database.connect(), now);
  }

  async insert({ requestId, state, asker, acceptedAt, given, plan }: ExportRecord): Promise<void> {
    await this.#connection.run(
      'INSERT INTO exports VALUES ($1, $2, $3, $4, make_timestamp($5::BIGINT * 1000), NULL, $6, $7, NULL, NULL)',
      [requestId, state, asker.door, asker.client, BigInt(acceptedAt), JSON.stringify(given), JSON.stringify(plan)],
    );
  }

  async update(requestId: string, change: Partial<Pick<ExportRecord, 'state' | 'manifest' | 'error'>>): Promise<void> {
    const ended = change.state === 'completed' || change.state === 'failed' || change.state === 'cancelled';
    await this.#connection.run(
      `UPDATE exports SET state = coalesce($2::VARCHAR, state), manifest = coalesce($3::VARCHAR, manifest),
         error = coalesce($4::VARCHAR, error), ended_at = make_timestamp($5::BIGINT * 1000)
       WHERE request_id = $1 AND state NOT IN ${terminal}`,
      [requestId, change.state ?? null, json(change.manifest), json(change.error), ended ? BigInt(this.#now()) : null],
    );
  }

  async find(requestId: string): Promise<ExportRecord | null> {
    return (await this.#select('WHERE request_id = $1', [requestId]))[0] ?? null;
  }

  unfinished(): Promise<readonly ExportRecord[]> {
    return this.#select(`WHERE state NOT IN ${terminal} ORDER BY accepted_at`, []);
  }

  list(limit: number): Promise<readonly ExportRecord[]> {
    return this.#select('ORDER BY accepted_at DESC, request_id LIMIT $1', [limit]);
  }

  async forgetEndedBefore(moment: number): Promise<void> {
    await this.#connection.run('DELETE FROM exports WHERE ended_at < make_timestamp($1::BIGINT * 1000)', [
      BigInt(moment),
    ]);
  }

  close(): void {
    this.#connection.closeSync();
  }

  async #select(which: string, parameters: (string | number)[]): Promise<readonly ExportRecord[]> {
    const reader = await this.#connection.runAndReadAll(
      `SELECT request_id, state, door, client, epoch_ms(accepted_at), epoch_ms(ended_at), parameters, plan, manifest, error
       FROM exports ${which}`,
      parameters,
    );
    return reader
      .getRows()
      .map(([requestId, state, door, client, acceptedAt, endedAt, given, plan, manifest, error]) => ({
        requestId: String(requestId),
        // Only this class writes these columns, from the same types.
        state: String(state) as RequestState,
        asker: { door: String(door) as Asker['door'], client: String(client) },
        acceptedAt: Number(acceptedAt),
        endedAt: endedAt === null ? null : Number(endedAt),
        given: parsed(given) as ExportRecord['given'],
        plan: parsed(plan) as ExportRecord['plan'],
        manifest: parsed(manifest) as ExportRecord['manifest'],
        error: parsed(error) as ExportRecord['error'],
      }));
  }
}

function json(value: object | null | undefined): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}

function parsed(text: unknown): unknown {
  return text === null ? null : JSON.parse(String(text));
}
