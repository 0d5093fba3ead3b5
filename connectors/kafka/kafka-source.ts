import type { Consumer, ConsumerGroupJoinEvent, EachBatchPayload } from 'kafkajs';
import { TidemarkError } from '../../pipeline/errors.ts';
import type {
  EventSource,
  Log,
  LogEnd,
  LogRecord,
  PartitionId,
  RecordBatch,
  StoredPosition,
} from '../../pipeline/ports.ts';
import type { KafkaCluster } from './cluster.ts';
import { kafkaFailure } from './failure.ts';
import { fixedAssigner } from './fixed-assigner.ts';
import { Handoff } from './handoff.ts';
import { loadKafkaJs } from './load-kafkajs.ts';
import { checkClusterId, checkRange, judgeRange, remade } from './lost-records.ts';
import type { KafkaOptions } from './options.ts';
import { PartitionReading } from './partition-reading.ts';

/** Batches that wait for the reader; with one being folded and one being stored that is work enough ahead. */
const waitingBatches = 1;
const heartbeatEveryMs = 1_000;
const maxWaitMs = 250;
const bytesPerPartition = 4 << 20;
const bytesPerFetch = 16 << 20;

/**
 * Reads events from Kafka. Offsets are the database's: on every assignment the client is told where to read on from what
 * was handed to the reader, and whatever it delivers is checked against that (see `PartitionReading`). Committing to the
 * group (`tellGroup`) is for lag tools only.
 */
export class KafkaSource implements EventSource {
  readonly #cluster: KafkaCluster;
  readonly #options: KafkaOptions;
  readonly #log: Log;
  readonly #readings = new Map<string, PartitionReading>();
  readonly #handoff = new Handoff<RecordBatch>(waitingBatches);
  #consumer: Consumer | null = null;
  #lows: ReadonlyMap<string, number> = new Map();
  #assigned: readonly PartitionId[] = [];

  constructor(cluster: KafkaCluster, options: KafkaOptions, log: Log) {
    this.#cluster = cluster;
    this.#options = options;
    this.#log = log;
  }

  /** The partitions that are ours now. */
  get assigned(): readonly PartitionId[] {
    return this.#assigned;
  }

  async *read(stored: readonly StoredPosition[], signal: AbortSignal): AsyncGenerator<RecordBatch> {
    if (signal.aborted) return;
    const close = (): void => this.#handoff.close();
    signal.addEventListener('abort', close, { once: true });
    try {
      await this.#begin(stored, await this.#cluster.ends());
      for (let batch = await this.#handoff.take(); batch !== null; batch = await this.#handoff.take()) yield batch;
    } finally {
      signal.removeEventListener('abort', close);
      this.#handoff.close();
      await this.#consumer?.disconnect();
    }
  }

  /** Ends the reading with an error, for whoever watches the log beside it. */
  fail(error: unknown): void {
    this.#handoff.fail(error);
  }

  /** Throws `SOURCE_CHANGED` when a partition no longer holds what was handed on: it was made anew, or cut. */
  checkEnds(ends: readonly LogEnd[]): void {
    for (const end of ends) {
      const position = this.#readings.get(nameOf(end.partition))?.position ?? null;
      if (position !== null) checkRange(end, position, 'skip');
    }
  }

  /** Tells the group what is stored, so that lag tools see it. It is never read from there. */
  async tellGroup(positions: readonly StoredPosition[]): Promise<void> {
    const ours = new Set(this.#assigned.map(nameOf));
    const offsets = positions
      .filter(({ partition }) => ours.has(nameOf(partition)))
      .map(({ partition, nextOffset }) => ({ ...partition, offset: String(nextOffset) }));
    if (offsets.length > 0) await this.#consumer?.commitOffsets(offsets);
  }

  async #begin(stored: readonly StoredPosition[], ends: readonly LogEnd[]): Promise<void> {
    this.#lows = new Map(ends.map(({ partition, low }) => [nameOf(partition), low]));
    const { clusterId } = this.#cluster;
    for (const position of stored.filter(({ partition }) => this.#options.topics.includes(partition.topic))) {
      const reading = new PartitionReading(position.partition, clusterId, position);
      checkClusterId(reading, clusterId);
      const end = ends.find(({ partition }) => nameOf(partition) === nameOf(position.partition));
      if (end !== undefined) checkRange(end, position.nextOffset, this.#options.onLostRecords);
      this.#readings.set(nameOf(position.partition), reading);
    }
    await this.#consume();
  }

  async #consume(): Promise<void> {
    const { group, sessionTimeoutMs, partitions, topics, brokers } = this.#options;
    const consumer = this.#cluster.kafka.consumer({
      groupId: group,
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: Math.min(3_000, sessionTimeoutMs / 3),
      maxWaitTimeInMs: maxWaitMs,
      maxBytesPerPartition: bytesPerPartition,
      maxBytes: bytesPerFetch,
      // So that a partition added to a topic is found soon.
      metadataMaxAge: 10_000,
      retry: {
        initialRetryTime: 200,
        maxRetryTime: 5_000,
        retries: 8,
        restartOnFailure: async error => !isFatal(error),
      },
      ...(partitions === null
        ? { partitionAssigners: [loadKafkaJs().PartitionAssigners.roundRobin] }
        : { partitionAssigners: [fixedAssigner(partitions)] }),
    });
    this.#consumer = consumer;
    const { GROUP_JOIN, CRASH, END_BATCH_PROCESS } = consumer.events;
    consumer.on(GROUP_JOIN, event => this.#assign(event));
    consumer.on(CRASH, ({ payload: { error, restart } }) => {
      if (!restart) this.fail(kafkaFailure(error, 'read from Kafka', brokers));
      else this.#log.warn({ error: error.message }, 'reading from Kafka broke off; it begins again');
    });
    consumer.on(END_BATCH_PROCESS, ({ payload: { topic, partition, batchSize, lastOffset } }) => {
      if (batchSize === 0) this.#passOver({ topic, partition }, Number(lastOffset) + 1);
    });
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [...topics], fromBeginning: true });
      await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: payload => this.#take(payload) });
    } catch (error) {
      throw kafkaFailure(error, `join group ${group}`, brokers);
    }
  }

  /** Synchronous to its end: after one pause here the client would already have fetched from elsewhere. */
  #assign({ payload: { memberAssignment, memberId } }: ConsumerGroupJoinEvent): void {
    this.#assigned = Object.entries(memberAssignment).flatMap(([topic, partitions]) =>
      partitions.map(partition => ({ topic, partition })),
    );
    for (const partition of this.#assigned) {
      const offset = this.#readingOf(partition).assign(this.#lows.get(nameOf(partition)) ?? 0);
      this.#consumer?.seek({ ...partition, offset: String(offset) });
    }
    this.#log.info({ member: memberId, partitions: this.#assigned.map(nameOf) }, 'partitions were assigned');
  }

  async #take({ batch, heartbeat, resolveOffset }: EachBatchPayload): Promise<void> {
    const { topic, partition } = batch;
    const reading = this.#readingOf({ topic, partition });
    // Decoded by us: these are log records already, in the client's wrapping.
    const records = batch.messages as unknown as readonly LogRecord[];
    const fetchedOffset = Number((batch as unknown as { fetchedOffset: string }).fetchedOffset);
    const nextOffset = Number(batch.lastOffset()) + 1;
    try {
      const lost = reading.isExpected(fetchedOffset) ? null : await this.#judge(reading, fetchedOffset);
      if (!reading.verify(records)) throw remade({ topic, partition }, reading.bookmark?.offset ?? 0);
      for (const cut of reading.cut({ records, nextOffset }, this.#options, lost)) {
        await this.#spaceFor(heartbeat);
        // While we waited the partition may have gone and come back, and been read by another call.
        if (this.#handoff.isClosed || !follows(cut, reading.position)) return;
        this.#handoff.offer(cut);
        reading.advance(cut);
      }
    } catch (error) {
      if (error instanceof TidemarkError) this.fail(error);
      throw error;
    }
    reading.expect(nextOffset);
    resolveOffset(batch.lastOffset());
  }

  /** Waits until the reader can take more, and says meanwhile that we live. Throws when the group wants us to join anew. */
  async #spaceFor(heartbeat: () => Promise<void>): Promise<void> {
    await heartbeat();
    while (!this.#handoff.hasSpace && !this.#handoff.isClosed) {
      let timer: NodeJS.Timeout | undefined;
      const pause = new Promise<void>(resolve => {
        timer = setTimeout(resolve, heartbeatEveryMs);
      });
      await Promise.race([this.#handoff.changed(), pause]);
      clearTimeout(timer);
      await heartbeat();
    }
  }

  /** The client went on from elsewhere, which it does in silence when the offset it was told lies outside of the log. */
  async #judge(reading: PartitionReading, fetchedOffset: number) {
    const { topic, partition } = reading.partition;
    const end = (await this.#cluster.ends()).find(
      ({ partition: of }) => of.topic === topic && of.partition === partition,
    );
    if (end === undefined) throw remade(reading.partition, fetchedOffset);
    const lost = judgeRange({ end, reading, fetchedOffset, policy: this.#options.onLostRecords });
    if (lost !== null) this.#log.error({ topic, partition, ...lost }, 'records were lost; reading goes on behind them');
    return lost;
  }

  /** A stretch of the log without a record for us, such as an aborted transaction. */
  #passOver(partition: PartitionId, nextOffset: number): void {
    const reading = this.#readingOf(partition);
    if (reading.position !== null) {
      for (const cut of reading.cut({ records: [], nextOffset }, this.#options)) {
        this.#handoff.offer(cut);
        reading.advance(cut);
      }
    }
    reading.expect(nextOffset);
  }

  #readingOf(partition: PartitionId): PartitionReading {
    const name = nameOf(partition);
    const known = this.#readings.get(name) ?? new PartitionReading(partition, this.#cluster.clusterId, undefined);
    this.#readings.set(name, known);
    return known;
  }
}

function follows({ from, lost }: RecordBatch, position: number | null): boolean {
  return position === null || (lost?.from ?? from) === position;
}

/** What no new start mends. */
function isFatal(error: unknown): boolean {
  return !kafkaFailure(error, 'read', []).retry;
}

function nameOf({ topic, partition }: PartitionId): string {
  return `${topic}/${partition}`;
}
