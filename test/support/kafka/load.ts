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

/** The header that marks records which must be quarantined, so that a check of the log need not decode them. */
export const poisonHeader = 'poison';

/** Malformed values of several kinds. */
const poisons: readonly (string | null)[] = ['', '{', '[]', '{"event":"call.started"}', '{"event":"service.started"}'];

/**
 * Generates events without end, and some malformed records. All events of a service go to one partition. Each event sets
 * an extension of its own, so that a lost event shows in the tables.
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
  /** Records per request. */
  readonly records: number;
  /** The pause between two requests. */
  readonly everyMs: number;
}

/** Produces until `stop` is called. It retries whatever happens to the broker meanwhile. */
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
  // A failure is thrown by `stop`.
  produced.catch(() => undefined);
  return {
    async stop() {
      stopping = true;
      await produced;
      await producer.disconnect();
    },
  };
}
