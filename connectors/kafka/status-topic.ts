import type { Kafka, Message, Producer } from 'kafkajs';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { Log } from '../../pipeline/ports.ts';
import type { StatusSink } from '../../pipeline/requests/status-publishing.ts';
import type { OutboxEntry } from '../../pipeline/requests/statuses.ts';
import { createClient } from './client/client.ts';
import { kafkaFailure } from './client/failure.ts';
import { loadKafkaJs } from './client/load-kafkajs.ts';
import type { KafkaOptions } from './client/options.ts';

/** How a status, written as JSON, is sent. Throws with `retry` when it cannot be said so for now. */
export type EncodeStatus = (status: string) => Promise<string | Buffer>;

export interface StatusTopicOptions extends Pick<KafkaOptions, 'brokers' | 'security'> {
  readonly topic: string;
  readonly encode: EncodeStatus;
}

/** Fewer than kafkajs advises: whoever sends tries again himself, with a producer of a new id, and can be stopped in between. */
const retries = 2;

/** Sends statuses to a topic, keyed by request id, so that those of one request lie in one partition, in their order. */
export class StatusTopic implements StatusSink {
  readonly #kafka: Kafka;
  readonly #topic: string;
  readonly #brokers: readonly string[];
  readonly #encode: EncodeStatus;
  #producer: Producer | null = null;

  constructor(options: StatusTopicOptions, log: Log) {
    this.#kafka = createClient(options, log);
    this.#topic = options.topic;
    this.#brokers = options.brokers;
    this.#encode = options.encode;
  }

  /**
   * Resolves when all replicas in sync have them. When it throws, some may be there: a new producer, which the broker does
   * not know, sends them again, and readers drop what they have. Throws `STATUS_TOO_LARGE` naming nothing that was sent.
   */
  async send(entries: readonly OutboxEntry[]): Promise<void> {
    const messages: Message[] = [];
    for (const { requestId, status } of entries) messages.push({ key: requestId, value: await this.#encode(status) });
    try {
      const producer = this.#producer ?? (await this.#connect());
      await producer.send({ topic: this.#topic, acks: -1, messages });
    } catch (error) {
      await this.close();
      if (isTooLarge(error)) throw tooLarge(this.#topic, error);
      const right = `WRITE on topic ${this.#topic}`;
      const rights = { topic: right, cluster: right };
      throw kafkaFailure(error, { what: `publish statuses on topic ${this.#topic}`, brokers: this.#brokers, rights });
    }
  }

  async close(): Promise<void> {
    const producer = this.#producer;
    this.#producer = null;
    await producer?.disconnect().catch(() => undefined);
  }

  async #connect(): Promise<Producer> {
    const { Partitioners } = loadKafkaJs();
    const producer = this.#kafka.producer({
      // A topic that was deleted must not come to life again with other settings.
      allowAutoTopicCreation: false,
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: { initialRetryTime: 200, maxRetryTime: 2_000, retries },
    });
    this.#producer = producer;
    await producer.connect();
    return producer;
  }
}

function isTooLarge(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause)
    if ('type' in at && (at.type === 'MESSAGE_TOO_LARGE' || at.type === 'RECORD_LIST_TOO_LARGE')) return true;
  return false;
}

function tooLarge(topic: string, cause: unknown): TidemarkError {
  return new TidemarkError(
    'STATUS_TOO_LARGE',
    `a status is larger than topic ${topic} takes, even without its manifest; raise its max.message.bytes`,
    { cause },
  );
}
