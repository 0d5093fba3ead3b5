import type { Producer, Transaction } from 'kafkajs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { boundedKafkaSource, kafkaOptions } from '../../support/kafka/reading.ts';
import { sharedKafka } from '../../support/kafka/shared.ts';
import { chosenSeed, seededRandom } from '../../support/random.ts';
import { positionsAfter, readAll } from '../../support/reading.ts';

const kafka = await sharedKafka();

interface Written {
  readonly offset: number;
  readonly value: string;
}

/** A producer of transactions that remembers the records of the committed ones. */
class Writer {
  readonly #producer: Producer;
  readonly #topic: string;
  #open: { readonly transaction: Transaction; readonly written: Written[] } | null = null;
  readonly committed: Written[] = [];

  private constructor(producer: Producer, topic: string) {
    this.#producer = producer;
    this.#topic = topic;
  }

  static async connect(topic: string): Promise<Writer> {
    const transactionalId = kafka.uniqueTopic('transactional');
    const producer = kafka.client().producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    onTestFinished(() => producer.disconnect());
    return new Writer(producer, topic);
  }

  async send(values: readonly string[]): Promise<void> {
    this.#open ??= { transaction: await this.#producer.transaction(), written: [] };
    const { transaction, written } = this.#open;
    const messages = values.map(value => ({ partition: 0, value }));
    const [place] = await transaction.send({ topic: this.#topic, acks: -1, messages });
    for (const [index, value] of values.entries()) written.push({ offset: Number(place?.baseOffset) + index, value });
  }

  async end(commit: boolean): Promise<void> {
    if (this.#open === null) return;
    const { transaction, written } = this.#open;
    this.#open = null;
    if (!commit) return transaction.abort();
    await transaction.commit();
    this.committed.push(...written);
  }
}

describe.skipIf(!kafka.available)('transactions of three clients that overlap at random', () => {
  const seed = chosenSeed();

  test(`are read as exactly the committed records, whatever the starting position (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const topic = await kafka.createTopic('overlapping');
    const writers = await Promise.all([1, 2, 3].map(() => Writer.connect(topic)));
    for (let step = 0; step < 150; step += 1) {
      const writer = writers[Math.floor(random() * writers.length)]!;
      if (random() < 0.7)
        await writer.send(Array.from({ length: 1 + Math.floor(random() * 4) }, (_, i) => `${step}.${i}`));
      else await writer.end(random() < 0.5);
    }
    for (const writer of writers) await writer.end(random() < 0.5);
    const committed = writers.flatMap(writer => writer.committed).toSorted((one, other) => one.offset - other.offset);
    expect(committed.length).toBeGreaterThan(20);

    const group = kafka.uniqueTopic('group');
    const source = () =>
      boundedKafkaSource(kafkaOptions({ brokers: kafka.brokers, topics: [topic], group, batchRecords: 5 }));
    const whole = await readAll(source());
    const written = (batches: typeof whole) =>
      batches.flatMap(({ records }) => records.map(({ offset, value }) => ({ offset, value: String(value) })));
    expect(written(whole)).toEqual(committed);
    expect(whole.at(-1)?.next.nextOffset).toBe((await kafka.offsets(topic))[0]!.high);
    for (let taken = 1; taken < whole.length; taken += 3) {
      const rest = await readAll(source(), positionsAfter(whole.slice(0, taken)));
      expect(written([...whole.slice(0, taken), ...rest])).toEqual(committed);
    }
  });
});
