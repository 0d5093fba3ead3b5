import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { ExportReport } from '../../connectors/http/export-report.ts';
import type { ReplayReport } from '../../connectors/http/replay-report.ts';
import { openLogWriter } from '../../connectors/log-files/log/log-writer.ts';
import { waitFor } from '../../ops/local-kafka/waiting.ts';
import { RunningService } from './running-service.ts';
import { temporaryFolder } from './temporary-folder.ts';

const minute = 60_000;
/** The time of the first event. */
export const firstAt = Date.parse('2026-03-01T10:00:00Z');

/** The time of the event at an offset: one a minute. */
export function timeAt(offset: number): string {
  return new Date(firstAt + offset * minute).toISOString();
}

/** A log folder with one event a minute, the database of a service that follows it, and its export root. */
export class ReplayingPlace {
  readonly log: string;
  readonly db: string;
  readonly root: string;
  #events = 0;

  private constructor(folder: string) {
    this.log = path.join(folder, 'log');
    this.db = path.join(folder, 'live.duckdb');
    this.root = path.join(folder, 'out');
  }

  /** Removed with the test. */
  static async make(events: number): Promise<ReplayingPlace> {
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    const place = new ReplayingPlace(folder.path);
    if (events > 0) await place.append(events);
    return place;
  }

  /**
   * Appends events whose record times are one a minute, and their own times too unless one is given; each makes a service of its
   * own. Returns the folder of the log.
   */
  async append(
    events: number,
    { segmentBytes = 1 << 20, time }: { readonly segmentBytes?: number; readonly time?: string } = {},
  ): Promise<string> {
    const writer = await openLogWriter({ root: this.log, topic: 'calls', partition: 0, segmentBytes });
    const records = Array.from({ length: events }, (_, index) => {
      const at = this.#events + index;
      const event = { event: 'service.started', service_id: `s${at}`, timestamp: time ?? timeAt(at) };
      return { timestamp: firstAt + at * minute, key: null, value: Buffer.from(JSON.stringify(event)) };
    });
    await writer.append(records);
    await writer.close();
    this.#events += events;
    return writer.path;
  }

  start(...more: readonly string[]): ReplayingService {
    return new ReplayingService(this, more);
  }

  /** The files and folders that are there of the databases of replays. */
  async databases(): Promise<readonly string[]> {
    return (await readdir(`${this.db}.replays`).catch(() => [])).toSorted();
  }
}

/** A running service over the place, and what tests ask it. */
export class ReplayingService {
  readonly process: RunningService;
  readonly #db: string;

  constructor({ db, root, log }: ReplayingPlace, more: readonly string[]) {
    this.#db = db;
    this.process = new RunningService(['--db', db, '--export-root', root, '--log-folder', log, ...more]);
  }

  async ask(method: string, address: string, id?: string): Promise<Response> {
    const headers = id === undefined ? {} : { 'idempotency-key': id };
    return fetch(`${await this.process.url()}${address}`, { method, headers });
  }

  async report(id: string): Promise<ReplayReport> {
    return (await (await this.ask('GET', `/replays/${id}`)).json()) as ReplayReport;
  }

  /** Asks for a replay; the status of the answer must be the wanted one. */
  async replay(id: string, query = '', wanted = 202): Promise<ReplayReport> {
    const answer = await this.ask('POST', `/replays?${query}`, id);
    if (answer.status !== wanted) throw new Error(`POST /replays answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as ReplayReport;
  }

  /** Waits until the replay is in a state. */
  reached(id: string, ...states: readonly ReplayReport['state'][]): Promise<ReplayReport> {
    return waitFor(`replay ${id} to be ${states.join(' or ')}`, async () => {
      const report = await this.report(id);
      return states.includes(report.state) ? report : null;
    });
  }

  /** Waits until the replay has read something and has not ended; returns the id of its process. */
  async reading(id: string): Promise<number> {
    await this.readBeyond(id, 0);
    const [child] = await this.children();
    return child!;
  }

  /** Waits until the replay has read more records than these, and has not ended. */
  async readBeyond(id: string, records: number): Promise<void> {
    await waitFor(`replay ${id} to read more than ${records} records`, async () => {
      const { state, progress } = await this.report(id);
      if (state !== 'accepted' && state !== 'running') throw new Error(`replay ${id} is ${state} already`);
      return progress.records_read > records ? true : null;
    });
  }

  /** The ids of the processes that the service has started. */
  async children(): Promise<readonly number[]> {
    const { pid } = JSON.parse(await readFile(`${this.#db}.server.json`, 'utf8')) as { readonly pid: number };
    const listed = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return listed
      .split(' ')
      .filter(text => text.trim() !== '')
      .map(Number);
  }

  /** How often the service has logged something of a replay. */
  logged(sentence: string): number {
    return this.process.lines.filter(({ msg }) => msg === sentence).length;
  }

  /** Waits until the live database holds so many records. */
  async stored(records: number): Promise<void> {
    await waitFor(`${records} stored records`, async () => {
      const { partitions } = (await (await this.ask('GET', '/status')).json()) as {
        partitions: readonly { readonly stored_offset: number }[];
      };
      return partitions[0]?.stored_offset === records ? true : null;
    });
  }

  /** Makes an export, which must succeed, and returns its report. */
  async export(id: string, query: string): Promise<ExportReport> {
    const answer = await this.askForExport(query, id);
    if (answer.status !== 200) throw new Error(`the export answered ${answer.status}: ${await answer.text()}`);
    return this.exported(id);
  }

  askForExport(query: string, id?: string): Promise<Response> {
    return this.ask('POST', `/genesys/1/cs/maintenance/services/files?${query}`, id);
  }

  async exported(id: string): Promise<ExportReport> {
    return (await (await this.ask('GET', `/exports/${id}`)).json()) as ExportReport;
  }
}

/** Resolves when a process has ended. */
export async function processEnd(pid: number): Promise<void> {
  await waitFor(`the end of process ${pid}`, async () => (existsSync(`/proc/${pid}`) ? null : true));
}
