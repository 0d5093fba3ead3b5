import { partitionName } from '../../../pipeline/partition.ts';
import type { LogRecord } from '../../../pipeline/ports.ts';
import type { Unpack } from './codecs.ts';
import { type PackedRecords, RecordTable } from './packed-records.ts';
import { DamagedBatch, type RecordBatchBytes, recordBatches } from './record-batches.ts';

/**
 * The record bytes of one partition in a fetch response; already decoded when they have an old format (before Kafka
 * 0.11).
 */
export type RecordSet = Buffer | readonly LogRecord[];

/** An aborted transaction, as the broker lists it in the fetch response. */
export interface AbortedTransaction {
  readonly producerId: string;
  readonly firstOffset: number;
}

/** One partition of a fetch response. */
export interface PartitionData {
  readonly partition: number;
  readonly highWatermark: string;
  /** The first offset that the partition still holds. */
  readonly logStart: number;
  readonly abortedTransactions: readonly AbortedTransaction[];
  readonly messages: RecordSet;
}

/**
 * The decoded records of one partition in a fetch response. It replaces kafkajs's class `Batch` and has the same methods.
 *
 * It differs in three ways. It also delivers a fetch without visible records, so that `KafkaSource` moves its position past
 * them. It reads past a batch that log cleaning left empty, where kafkajs never advances. It drops all records of aborted
 * transactions also when transactions overlap, where kafkajs delivers some of them.
 */
export class FetchedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly highWatermark: string;
  /** The offset that the fetch asked for. */
  readonly fetchedOffset: string;
  readonly logStart: number;
  readonly messages: PackedRecords;
  readonly #nextOffset: number;

  /** Throws `DamagedBatch` when the first batch at or after `fetchedOffset` cannot be read. */
  constructor(topic: string, fetchedOffset: string, data: PartitionData, codecs: readonly Unpack[]) {
    this.topic = topic;
    this.partition = data.partition;
    this.highWatermark = data.highWatermark;
    this.fetchedOffset = fetchedOffset;
    this.logStart = data.logStart;
    const from = Number(fetchedOffset);
    const { records, nextOffset } = this.#read(from, data, codecs);
    this.messages = records;
    this.#nextOffset = Math.max(nextOffset, from);
  }

  /** The offset to fetch next. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** True when the response holds nothing at all, not even invisible records. */
  isEmpty(): boolean {
    return this.#nextOffset === Number(this.fetchedOffset);
  }

  /** Always false, so that kafkajs also delivers batches without visible records. */
  isEmptyDueToFiltering(): boolean {
    return false;
  }

  firstOffset(): string | null {
    return this.messages.length === 0 ? null : String(this.messages.offset(0));
  }

  lastOffset(): string {
    return String(this.#nextOffset - 1);
  }

  offsetLag(): string {
    return String(Number(this.highWatermark) - this.#nextOffset);
  }

  offsetLagLow(): string {
    return String(Number(this.highWatermark) - 1 - (this.messages.at(0)?.offset ?? this.#nextOffset));
  }

  #read(from: number, { messages, abortedTransactions }: PartitionData, codecs: readonly Unpack[]) {
    try {
      return Buffer.isBuffer(messages)
        ? readVisible(messages, { from, aborted: abortedTransactions, codecs })
        : readOld(messages, from);
    } catch (error) {
      if (!(error instanceof DamagedBatch)) throw error;
      throw new DamagedBatch(`${partitionName(this)}: ${error.message}`, { cause: error.cause });
    }
  }
}

interface ReadOptions {
  readonly from: number;
  readonly aborted: readonly AbortedTransaction[];
  readonly codecs: readonly Unpack[];
}

/**
 * The records that a reader with isolation level `read_committed` sees, and the offset after the last batch. It stops
 * before a damaged batch, so that the good records before it are read; the next fetch begins at the damage and throws.
 */
function readVisible(bytes: Buffer, { from, aborted, codecs }: ReadOptions) {
  const transactions = new AbortedTransactions(aborted);
  const records = new RecordTable();
  let undamaged = { count: 0, nextOffset: 0 };
  try {
    for (const batch of recordBatches(bytes)) {
      if (!transactions.hides(batch)) batch.addRecords(from, codecs, records);
      undamaged = { count: records.length, nextOffset: batch.nextOffset };
    }
  } catch (error) {
    if (!(error instanceof DamagedBatch) || undamaged.nextOffset <= from) throw error;
    records.truncate(undamaged.count);
  }
  return { records: records.records(), nextOffset: undamaged.nextOffset };
}

function readOld(messages: readonly LogRecord[], from: number) {
  const records = new RecordTable();
  for (const message of messages) if (message.offset >= from) records.addRecord(message);
  return { records: records.records(), nextOffset: (messages.at(-1)?.offset ?? -1) + 1 };
}

/**
 * Finds the batches of aborted transactions. Transactions of several producers interleave, and brokers list them
 * in the order of their ends. So each one applies to its producer from its own first offset to its own end marker.
 */
class AbortedTransactions {
  readonly #upcoming: AbortedTransaction[];
  readonly #abortingProducers = new Set<string>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#upcoming = aborted.toSorted((one, other) => other.firstOffset - one.firstOffset);
  }

  /** True for a batch of an aborted transaction, and for end markers. Must be called with every batch, in offset order. */
  hides(batch: RecordBatchBytes): boolean {
    for (let next = this.#upcoming.at(-1); next && next.firstOffset < batch.nextOffset; next = this.#upcoming.at(-1)) {
      this.#abortingProducers.add(next.producerId);
      this.#upcoming.pop();
    }
    // An end marker ends the transaction of its producer. After a commit there is nothing to delete.
    if (batch.isControl) this.#abortingProducers.delete(batch.producerId);
    return batch.isControl || (batch.isTransactional && this.#abortingProducers.has(batch.producerId));
  }
}
