import { setTimeout as after } from 'node:timers/promises';
import { type Message, Partitioners } from 'kafkajs';
import { seededRandom } from '../random.ts';
import type { RawEvent } from '../reference-fold.ts';
import type { TestCluster } from './cluster.ts';

export interface LoadShape {
  readonly topic: string;
  readonly partitions: number;
  readonly services: number;
  readonly seed: number;
}

/** The header of records that must be quarantined, so that a reader of the log knows without judging them. */
export const poisonHeader = 'poison';

/** What cannot be understood, of several sorts. */
const poisons: readonly (string | null)[] = ['', '{', '[]', '{"event":"call.started"}', '{"event":"service.started"}'];

/**
 * Events without end, a few of them poison. A service has one partition, and each event leaves a mark of its own among the
 * extensions, so that one that is lost shows.
 */
export class EventLoad {
  readonly #shape: LoadShape;
  readonly #random: () => number;
  #count = 0;

  constructor(shape: LoadShape) {
    this.#shape = shape;
    this.#random = seededRandom(shape.seed);
  }

  next(count: number): Message[] {
    return Array.from({ length: count }, () => this.#message());
  }

  #message(): Message {
    this.#count += 1;
    const number = this.#below(this.#shape.services);
    const partition = number % this.#shape.partitions;
    if (this.#random() < 0.02)
      return { partition, key: null, value: poisons[this.#below(poisons.length)]!, headers: { [poisonHeader]: 'yes' } };
    const event = this.#event(`s${number}`);
    return { partition, key: event.service_id, value: JSON.stringify(event) };
  }

  #event(service_id: string): RawEvent {
    const timestamp = new Date(1_700_000_000_000 + this.#count * 1_000).toISOString();
    const one = (letter: string) => `${letter}${this.#below(3)}`;
    const extensions = { [`e${this.#count}`]: this.#count };
    const about = { service_id, timestamp, session_id: `at ${this.#count}`, extensions };
    const kind = this.#random();
    if (kind < 0.35) return { event: 'service.started', ...about, customer_id: one('c') };
    if (kind < 0.45) return { event: 'service.completed', ...about, disposition: one('d') };
    if (kind < 0.46) return { event: 'service.deleted', service_id };
    if (kind < 0.6) return { event: 'state.started', ...about, state_id: one('t') };
    if (kind < 0.7)
      return { event: 'state.transitioned', ...about, from: { state_id: one('t') }, to: { state_id: one('u') } };
    if (kind < 0.85) return { event: 'task.started', ...about, task_id: one('k'), state_id: one('t') };
    return { event: 'task.completed', ...about, task_id: one('k') };
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

export interface Producing {
  readonly load: EventLoad;
  /** So many at once, and so long from one request to the next. */
  readonly records: number;
  readonly everyMs: number;
}

/** Produces without pause until it is told to stop, and through whatever happens to the broker meanwhile. */
export async function produceUntilStopped(
  cluster: TestCluster,
  topic: string,
  { load, records, everyMs }: Producing,
): Promise<{ stop(): Promise<void> }> {
  const kafka = cluster.client({ retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 1_000 } });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  let stopping = false;
  const produce = async (): Promise<void> => {
    while (!stopping) {
      await producer.send({ topic, acks: -1, messages: load.next(records) });
      await after(everyMs);
    }
  };
  const produced = produce();
  // Looked at when it is stopped.
  produced.catch(() => undefined);
  return {
    async stop() {
      stopping = true;
      await produced;
      await producer.disconnect();
    },
  };
}
