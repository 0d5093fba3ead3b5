import { partitionName } from '../../../pipeline/partition.ts';
import type { LogRecord } from '../../../pipeline/ports.ts';
import type { Unpack } from './codecs.ts';
import { type PackedRecords, RecordTable } from './packed-records.ts';
import { DamagedBatch, type RecordBatchBytes, recordBatches } from './record-batches.ts';

/** What a fetch gave of one partition, still packed; records where they were of an old format. */
export type RecordSet = Buffer | readonly LogRecord[];

/** A transaction that was aborted, as brokers list them beside the records. */
export interface AbortedTransaction {
  readonly producerId: string;
  readonly firstOffset: number;
}

export interface PartitionData {
  readonly partition: number;
  readonly highWatermark: string;
  /** The first offset that the partition still held. */
  readonly logStart: number;
  readonly abortedTransactions: readonly AbortedTransaction[];
  readonly messages: RecordSet;
}

/**
 * What a fetch gave of one partition, in place of kafkajs's class of the same shape. Ours hands on what has no record for
 * us as well, so that every offset is seen to be passed; kafkajs keeps that to itself, stands still at a batch that
 * cleaning left empty, and lets records of aborted transactions through where these overlap.
 */
export class FetchedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly highWatermark: string;
  /** The offset that was asked for. */
  readonly fetchedOffset: string;
  readonly logStart: number;
  readonly messages: PackedRecords;
  readonly #nextOffset: number;

  /** Throws DamagedBatch. */
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

  /** The offset that reading goes on from. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** True where nothing came, not even what is to be passed over. */
  isEmpty(): boolean {
    return this.#nextOffset === Number(this.fetchedOffset);
  }

  /** Never: then kafkajs would pass over it without us. */
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

interface Reading {
  readonly from: number;
  readonly aborted: readonly AbortedTransaction[];
  readonly codecs: readonly Unpack[];
}

/**
 * The records that are for readers of committed ones, and the offset after all that was there. Before a damaged batch it
 * ends, so that what is good is read; the next fetch begins with the damage and throws.
 */
function readVisible(bytes: Buffer, { from, aborted, codecs }: Reading) {
  const transactions = new AbortedTransactions(aborted);
  const records = new RecordTable();
  let whole = { count: 0, nextOffset: 0 };
  try {
    for (const batch of recordBatches(bytes)) {
      if (!transactions.hides(batch)) batch.addRecords(from, codecs, records);
      whole = { count: records.length, nextOffset: batch.nextOffset };
    }
  } catch (error) {
    if (!(error instanceof DamagedBatch) || whole.nextOffset <= from) throw error;
    records.truncate(whole.count);
  }
  return { records: records.records(), nextOffset: whole.nextOffset };
}

function readOld(messages: readonly LogRecord[], from: number) {
  const records = new RecordTable();
  for (const message of messages) if (message.offset >= from) records.addRecord(message);
  return { records: records.records(), nextOffset: (messages.at(-1)?.offset ?? -1) + 1 };
}

/**
 * Which batches belong to aborted transactions. Those of several producers lie among each other, and brokers list them by
 * where they ended, so each begins to count at its own first offset and ends at its own marker.
 */
class AbortedTransactions {
  readonly #coming: AbortedTransaction[];
  readonly #producers = new Set<string>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#coming = aborted.toSorted((one, other) => other.firstOffset - one.firstOffset);
  }

  /** True for a batch of an aborted transaction, and for markers. To be asked of all batches in order. */
  hides(batch: RecordBatchBytes): boolean {
    for (let next = this.#coming.at(-1); next && next.firstOffset < batch.nextOffset; next = this.#coming.at(-1)) {
      this.#producers.add(next.producerId);
      this.#coming.pop();
    }
    // Either marker ends what its producer had begun; one of a commit finds nothing here.
    if (batch.isControl) this.#producers.delete(batch.producerId);
    return batch.isControl || (batch.isTransactional && this.#producers.has(batch.producerId));
  }
}
