import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { KafkaSource } from '../../../connectors/kafka/kafka-source.ts';
import { KafkaCluster } from '../../../connectors/kafka/topics/cluster.ts';
import type { EventSource } from '../../../pipeline/ports.ts';
import type { Status } from '../../../pipeline/requests/statuses.ts';
import { RunningService } from '../running-service.ts';
import { queryDatabase } from '../tables.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import type { TestCluster } from './cluster.ts';
import { kafkaOptions, LogLines } from './reading.ts';

const window = { time_from: '2026-03-01T00:00:00Z', time_to: '2026-03-02T00:00:00Z' };

/** The topics, the database and the export root of one service with a control topic. */
export class ControlPlace {
  readonly kafka: TestCluster;
  readonly db: string;
  readonly root: string;
  readonly topics: { readonly events: string; readonly control: string; readonly statuses: string };

  private constructor(kafka: TestCluster, folder: string, topics: ControlPlace['topics']) {
    this.kafka = kafka;
    this.db = path.join(folder, 'test.duckdb');
    this.root = path.join(folder, 'out');
    this.topics = topics;
  }

  /** Creates the topics, with events of three services (the entities) on the topic of events. */
  static async make(kafka: TestCluster, controlPartitions = 1): Promise<ControlPlace> {
    const folder = await temporaryFolder();
    onTestFinished(() => folder.remove());
    const events = await kafka.createTopic('events');
    const control = await kafka.createTopic('control', { partitions: controlPartitions });
    const statuses = await kafka.createTopic('statuses', { partitions: 2 });
    const ids = ['a', 'b', 'c'];
    const event = (id: string) => ({ event: 'service.started', service_id: id, timestamp: '2026-03-01T10:00:00Z' });
    await kafka.produce(
      events,
      ids.map(id => ({ key: id, value: JSON.stringify(event(id)) })),
    );
    return new ControlPlace(kafka, folder.path, { events, control, statuses });
  }

  /**
   * Starts the service. Each start uses a new group, so that it need not wait for the member of a killed one to time
   * out.
   */
  start(...more: readonly string[]): RunningService {
    return new RunningService([
      ...['--db', this.db, '--export-root', this.root, '--kafka-brokers', this.kafka.brokers.join(',')],
      ...['--kafka-topics', this.topics.events, '--kafka-group', this.kafka.uniqueTopic('group')],
      ...['--control-topic', this.topics.control, '--status-topic', this.topics.statuses, '--threads', '2'],
      ...more,
    ]);
  }

  /** Appends requests in order. A value that is text, bytes or null is sent unchanged, any other as JSON. */
  ask(...requests: readonly (readonly [key: string | null, value: object | string | null])[]): Promise<void> {
    const isSentUnchanged = (value: object | string | null) =>
      typeof value === 'string' || value === null || Buffer.isBuffer(value);
    const messages = requests.map(([key, value]) => ({
      key,
      value: isSentUnchanged(value) ? (value as string | Buffer | null) : JSON.stringify(value),
    }));
    return this.kafka.produce(this.topics.control, messages);
  }

  /** The state of each request by id. Only while no process has the database open. */
  states(): Promise<Readonly<Record<string, string>>> {
    return queryDatabase(this.db, async query =>
      Object.fromEntries((await query('SELECT request_id, state FROM exports ORDER BY 1')).map(row => row.map(String))),
    );
  }

  /** All files in the export root, hidden ones included. */
  async files(): Promise<readonly string[]> {
    const entries = await readdir(this.root, { recursive: true, withFileTypes: true }).catch(() => []);
    return entries
      .filter(entry => entry.isFile())
      .map(entry => path.join(path.relative(this.root, entry.parentPath), entry.name))
      .toSorted();
  }
}

/** Key and value of a request for an export into a folder named after the request. */
export function exportRequest(id: string, more: object = {}): readonly [string, object] {
  return [id, { action: 'export', file_prefix: `${id}/`, ...window, ...more }];
}

export type DecodeStatus = (value: Buffer) => Promise<Status>;

/** Reads the status topic as a client would, and keeps all statuses, repeats included. */
export class StatusReader {
  readonly all: Status[] = [];
  readonly #decode: DecodeStatus;
  #waiting: (() => void)[] = [];

  private constructor(decode: DecodeStatus) {
    this.#decode = decode;
  }

  /** Starts reading, until the test ends. Statuses are JSON unless `decode` is given. */
  static async open(
    { kafka, topics }: ControlPlace,
    decode: DecodeStatus = async value => JSON.parse(String(value)) as Status,
  ): Promise<StatusReader> {
    const reader = new StatusReader(decode);
    const { brokers } = kafka;
    const group = kafka.uniqueTopic('reader');
    const options = kafkaOptions({ brokers, topics: [topics.statuses], group, sessionTimeoutMs: 6_000 });
    const controller = new AbortController();
    const log = new LogLines();
    const cluster = await KafkaCluster.open(options, log, controller.signal);
    const reading = reader.#read(new KafkaSource(cluster, options, log), controller.signal);
    onTestFinished(async () => {
      controller.abort();
      await reading;
      await cluster.close();
    });
    return reader;
  }

  of(id: string): readonly Status[] {
    return this.all.filter(({ request_id }) => request_id === id);
  }

  /** Waits for the first status of the request that fulfils the condition. */
  async until(id: string, wanted: (status: Status) => boolean): Promise<Status> {
    for (;;) {
      const found = this.of(id).find(wanted);
      if (found !== undefined) return found;
      await new Promise<void>(resolve => this.#waiting.push(resolve));
    }
  }

  /** Waits for the final status of the request. Refusals, which have sequence 0, do not count. */
  ended(id: string): Promise<Status> {
    return this.until(
      id,
      ({ status, sequence }) =>
        sequence > 0 && (status === 'completed' || status === 'failed' || status === 'cancelled'),
    );
  }

  async #read(source: EventSource, signal: AbortSignal): Promise<void> {
    for await (const { records } of source.read([], signal)) {
      for (const { key, value } of records) {
        const status = await this.#decode(Buffer.from(value ?? []));
        if (status.request_id !== String(key)) throw new Error(`${key} is the key of ${JSON.stringify(status)}`);
        this.#take(status);
      }
    }
  }

  #take(status: Status): void {
    this.all.push(status);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
