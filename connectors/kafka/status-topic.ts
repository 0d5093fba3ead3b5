import type { Kafka, Message, PartitionerArgs, Producer } from 'kafkajs';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { Log } from '../../pipeline/ports.ts';
import type { StatusSender } from '../../pipeline/requests/status-publishing.ts';
import type { OutboxEntry } from '../../pipeline/requests/statuses.ts';
import { createClient } from './client/client.ts';
import { hasErrorType, kafkaFailure } from './client/failure.ts';
import { javaPartition } from './client/java-partition.ts';
import type { KafkaOptions } from './client/options.ts';

/**
 * Turns a status, given as JSON text, into the value to send. Throws an error with `retry` when that is not possible
 * now.
 */
export type EncodeStatus = (status: string) => Promise<string | Buffer>;

interface StatusTopicOptions extends Pick<KafkaOptions, 'brokers' | 'security'> {
  readonly topic: string;
  readonly encode: EncodeStatus;
}

/** Fewer than kafkajs advises, because the caller retries itself, with a new producer, and can stop between two attempts. */
const retries = 2;

/** Sends statuses to a topic. Their key is the request id, so the statuses of one request lie in one partition, in order. */
export class StatusTopic implements StatusSender {
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
   * Resolves when all in-sync replicas have the statuses. After an error some of them may already be on the topic. The
   * caller sends all of them again, through a new producer that the broker cannot deduplicate; readers drop repeats by their
   * sequence. Throws `STATUS_TOO_LARGE` when the topic refuses a status for its size.
   */
  async send(entries: readonly OutboxEntry[]): Promise<void> {
    const messages: Message[] = [];
    for (const { requestId, status } of entries)
      messages.push({ key: Buffer.from(requestId), value: await this.#encode(status) });
    try {
      const producer = this.#producer ?? (await this.#connect());
      await producer.send({ topic: this.#topic, acks: -1, messages });
    } catch (error) {
      await this.close();
      if (hasErrorType(error, 'MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE')) throw tooLarge(this.#topic, error);
      const rights = {
        topic: { right: 'WRITE', topics: [this.#topic] },
        cluster: `WRITE on topic ${this.#topic}`,
      };
      throw kafkaFailure(error, { what: `publish statuses on topic ${this.#topic}`, brokers: this.#brokers, rights });
    }
  }

  async close(): Promise<void> {
    const producer = this.#producer;
    this.#producer = null;
    await producer?.disconnect().catch(() => undefined);
  }

  async #connect(): Promise<Producer> {
    const producer = this.#kafka.producer({
      // A deleted topic must not be created again by sending to it, with other settings.
      allowAutoTopicCreation: false,
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: () => partitionOf,
      retry: { initialRetryTime: 200, maxRetryTime: 2_000, retries },
    });
    this.#producer = producer;
    await producer.connect();
    return producer;
  }
}

/** Where a Java client would put the status, so that topics filled by both keep a request in one partition. */
function partitionOf({ message, partitionMetadata }: PartitionerArgs): number {
  return javaPartition(Buffer.from(message.key ?? ''), partitionMetadata.length);
}

function tooLarge(topic: string, cause: unknown): TidemarkError {
  return new TidemarkError(
    'STATUS_TOO_LARGE',
    `a status is larger than topic ${topic} accepts; raise max.message.bytes of the topic`,
    { cause },
  );
}
