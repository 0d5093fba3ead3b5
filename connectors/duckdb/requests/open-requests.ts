import type { DuckDBConnection } from '@duckdb/node-api';
import { type RequestRow, selectRequests, terminal } from './request-rows.ts';

/**
 * The requests that have not ended, by id, as the database has them. This process alone writes them, so they are read once
 * and then kept: a question of SQL takes longer than all else that moves a request on. To be used within transactions.
 */
export class OpenRequests {
  #rows: Map<string, RequestRow> | null = null;

  /** Oldest first. */
  async rows(connection: DuckDBConnection): Promise<Map<string, RequestRow>> {
    if (this.#rows !== null) return this.#rows;
    const rows = await selectRequests(connection, `WHERE state NOT IN ${terminal} ORDER BY accepted_at`, []);
    this.#rows = new Map(rows.map(row => [row.record.requestId, row]));
    return this.#rows;
  }

  /** A transaction was undone, or nobody knows: what the database has is read again. */
  forget(): void {
    this.#rows = null;
  }
}
