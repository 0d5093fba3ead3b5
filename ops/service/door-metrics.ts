import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Database } from '../../connectors/duckdb/file/database.ts';
import { databaseBytes, readTableSizes } from '../../connectors/duckdb/overview.ts';
import type { AnsweredRequest } from '../../connectors/http/audit.ts';
import { isEnded } from '../../pipeline/export/request.ts';
import type { JobView } from '../../pipeline/requests/job.ts';
import type { ReplayView } from '../../pipeline/requests/replay-job.ts';

interface DoorGauges {
  readonly database: Database;
  /** Exports that wait for their turn, and that run. */
  readonly jobs: { readonly waiting: number; readonly running: number };
  readonly replays: { readonly waiting: number; readonly running: number };
}

const seconds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];

/** Metrics of HTTP requests, and of exports and replays from every door. */
export class DoorMetrics {
  readonly #registry: Registry;
  readonly #exports: Counter<'outcome' | 'door'>;
  readonly #replays: Counter<'outcome' | 'door'>;
  readonly #seconds: Histogram<'outcome'>;
  readonly #rows: Counter;
  readonly #bytes: Counter;
  readonly #requests: Counter<'method' | 'route' | 'status'>;
  readonly #requestSeconds: Histogram<'route'>;

  constructor(registry: Registry) {
    this.#registry = registry;
    const registers = [registry];
    const counter = <T extends string>(name: string, help: string, labelNames: readonly T[] = []) =>
      new Counter({ name: `tidemark_${name}`, help, labelNames, registers });
    const histogram = <T extends string>(name: string, help: string, labelNames: readonly T[]) =>
      new Histogram({ name: `tidemark_${name}`, help, labelNames, buckets: seconds, registers });
    this.#exports = counter('exports_total', 'Exports that ended', ['outcome', 'door']);
    this.#replays = counter('replays_total', 'Replays that ended', ['outcome', 'door']);
    this.#seconds = histogram('export_seconds', 'How long exports ran, waiting for the log included', ['outcome']);
    this.#rows = counter('exported_rows_total', 'Rows of completed exports');
    this.#bytes = counter('exported_bytes_total', 'Plain bytes of completed exports');
    this.#requests = counter('http_requests_total', 'HTTP requests that were answered', ['method', 'route', 'status']);
    this.#requestSeconds = histogram('http_request_seconds', 'How long HTTP requests took', ['route']);
  }

  /** Adds the gauges, which are read from the running service at each scrape. */
  addGauges({ database, jobs, replays }: DoorGauges): void {
    const registers = [this.#registry];
    const gauge = (name: string, help: string, read: () => number): Gauge =>
      new Gauge({
        name: `tidemark_${name}`,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    gauge('exports_waiting', 'Exports that wait for their turn', () => jobs.waiting);
    gauge('exports_running', 'Exports that are running', () => jobs.running);
    gauge('replays_waiting', 'Replays that wait for their turn', () => replays.waiting);
    gauge('replays_running', 'Replays that are running', () => replays.running);
    gauge('database_bytes', 'Size of the database and of its write-ahead log', () => databaseBytes(database));
    new Gauge({
      name: 'tidemark_rows',
      help: 'Stored rows by entity and part: open, closed, and late (fragments of rows that are not open, not settled yet)',
      labelNames: ['entity', 'part'],
      registers,
      async collect() {
        for (const { entity, part, rows } of await readTableSizes(database)) this.set({ entity, part }, rows);
      },
    });
  }

  /** To be called at each change of an export. */
  changed({ record, progress }: JobView, milliseconds: number): void {
    const { state: outcome, asker } = record;
    if (!isEnded(outcome)) return;
    this.#exports.inc({ outcome, door: asker.door });
    this.#seconds.observe({ outcome }, milliseconds / 1000);
    if (outcome !== 'completed') return;
    this.#rows.inc(progress.rows);
    this.#bytes.inc(progress.bytes);
  }

  /** To be called at each change of a replay. */
  replayChanged({ record: { state: outcome, asker } }: ReplayView): void {
    if (isEnded(outcome)) this.#replays.inc({ outcome, door: asker.door });
  }

  /** To be called once for each request. The label is the route, because the number of addresses has no bound. */
  answered({ method, route, status, milliseconds }: AnsweredRequest): void {
    const routeLabel = route ?? 'none';
    this.#requests.inc({ method, route: routeLabel, status });
    this.#requestSeconds.observe({ route: routeLabel }, milliseconds / 1000);
  }
}
