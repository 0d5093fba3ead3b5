import type { DuckDBConnection } from '@duckdb/node-api';
import type { BatchFacts } from '../../../pipeline/completeness/batch-facts.ts';
import {
  type Contradiction,
  findContradictions,
  type ServiceTimes,
  type WatchedWindow,
  WindowIndex,
} from '../../../pipeline/completeness/contradictions.ts';
import type { Timeline } from '../../../pipeline/completeness/timeline.ts';
import { type ExportPlan, isFromReplay } from '../../../pipeline/export/request.ts';
import { readSql } from '../../../schemas/tables/sql.ts';
import { appendChunks, buildChunks, type Column, integer, text, timestamp, whole } from '../vectors/row-chunks.ts';
import type { KnownService, ServiceChanges } from './service-changes.ts';

/** More rows than this are joined to one for each export. */
const compactAfter = 20_000;

/**
 * The windows of complete exports, and the batches that contradict them (contract 4.29). Of a batch that cannot contradict
 * any, only its earliest time is compared.
 */
export class ContradictionMarks {
  readonly #windows: Map<string, WatchedWindow>;
  /** Null when windows have changed since it was made. */
  #index: WindowIndex | null = null;
  #rows: number;
  #compactAfter = compactAfter;

  private constructor(windows: readonly WatchedWindow[], rows: number) {
    this.#windows = new Map(windows.map(window => [window.requestId, window]));
    this.#rows = rows;
  }

  /** Reads which exports are complete. One that still ran when the last process died is run and watched again. */
  static async open(connection: DuckDBConnection): Promise<ContradictionMarks> {
    await connection.run('DELETE FROM contradictions WHERE request_id NOT IN (SELECT request_id FROM exports)');
    const complete = await connection.runAndReadAll(
      "SELECT request_id, plan FROM exports WHERE completeness = 'complete' AND state IN ('publishing', 'completed')",
    );
    const rows = await connection.runAndReadAll('SELECT count(*) FROM contradictions');
    const windows = complete.getRows().flatMap(([requestId, plan]) => windowsOf(String(requestId), String(plan)));
    return new ContradictionMarks(windows, Number(rows.value(0, 0)));
  }

  watch(window: WatchedWindow): void {
    this.#windows.set(window.requestId, window);
    this.#index = null;
  }

  unwatch(requestId: string): void {
    if (this.#windows.delete(requestId)) this.#index = null;
  }

  /**
   * Finds the exports that a batch contradicts and appends a row for each, in the batch's transaction, before its rows
   * are merged.
   */
  async mark(connection: DuckDBConnection, batch: MarkedBatch): Promise<readonly Contradiction[]> {
    if (this.#windows.size === 0) return [];
    const { timeline, changes } = batch;
    this.#index ??= new WindowIndex([...this.#windows.values()]);
    const mayTouch = timeline.earliest < this.#index.latestTimeTo || timeline.hasDeletions || changes.endsAgain;
    if (!mayTouch && !(changes.restarts && (await startsAgain(connection)))) return [];
    const stored = await readStoredTimes(connection, changes.known);
    const found = findContradictions(timeline, serviceId => stored.get(serviceId), this.#index);
    const { partition } = batch.facts;
    await appendChunks(
      connection,
      'contradictions',
      buildChunks(
        markColumns,
        found.map(contradiction => ({ ...contradiction, ...partition, batch: batch.number, at: batch.at })),
      ),
    );
    this.#rows += found.length;
    return found;
  }

  /** Joins the rows of each export to one when there are many. To be called between two batches. */
  async compact(connection: DuckDBConnection): Promise<void> {
    if (this.#rows <= this.#compactAfter) return;
    await connection.run(readSql('tables/compact_contradictions.sql'));
    const reader = await connection.runAndReadAll('SELECT count(*) FROM contradictions');
    this.#rows = Number(reader.value(0, 0));
    // Where so many exports are contradicted, the next time is when the rows have doubled.
    this.#compactAfter = Math.max(compactAfter, 2 * this.#rows);
  }
}

interface MarkedBatch {
  readonly facts: BatchFacts;
  readonly timeline: Timeline;
  readonly changes: ServiceChanges;
  readonly number: number;
  /** When it is stored, in milliseconds since 1970 UTC. */
  readonly at: number;
}

/** The window of an export; none of one that read from a replay, which later events do not change. */
function windowsOf(requestId: string, text: string): readonly WatchedWindow[] {
  // The request store wrote this column from the same type.
  const plan = JSON.parse(text) as ExportPlan;
  const { timeFrom, filterEvents } = plan.parameters;
  return isFromReplay({ plan }) ? [] : [{ requestId, timeFrom, timeTo: plan.timeTo, filterEvents }];
}

/** Whether a fragment in `seen_services` sets a start that its row has already, in the open or in the late table. */
async function startsAgain(connection: DuckDBConnection): Promise<boolean> {
  const reader = await connection.runAndReadAll(readSql('tables/count_restarts.sql'));
  return Number(reader.value(0, 0)) > 0;
}

/** The start and end of services before the batch, by id. A service that is not stored is not in the map. */
async function readStoredTimes(
  connection: DuckDBConnection,
  known: readonly KnownService[],
): Promise<ReadonlyMap<string, ServiceTimes>> {
  if (known.length === 0) return new Map();
  await connection.run('CREATE OR REPLACE TEMP TABLE marked_services (service_key BIGINT, service_id VARCHAR)');
  await appendChunks(connection, 'marked_services', buildChunks(serviceColumns, known));
  const reader = await connection.runAndReadAll(readSql('tables/stored_times.sql'));
  return new Map(
    reader
      .getRows()
      .map(([serviceId, start, end]) => [
        String(serviceId),
        { start: start === null ? null : Number(start), end: end === null ? null : Number(end) },
      ]),
  );
}

const serviceColumns: readonly Column<KnownService>[] = [whole(row => row.serviceKey), text(row => row.serviceId)];

interface MarkRow extends Contradiction {
  readonly topic: string;
  readonly partition: number;
  readonly batch: number;
  readonly at: number;
}

/** The columns of the table `contradictions`. */
const markColumns: readonly Column<MarkRow>[] = [
  text(row => row.requestId),
  whole(row => row.batch),
  timestamp(row => row.at),
  text(row => row.topic),
  integer(row => row.partition),
  whole(row => row.offset),
  whole(row => row.services),
];
