import { TidemarkError } from '../../../pipeline/errors.ts';
import { partitionName } from '../../../pipeline/partition.ts';
import { isOutOfMemory, type Unpack } from './codecs.ts';
import type { AbortedTransaction, FetchedBatch } from './fetched-batch.ts';
import { isOldFormat, oldMessages } from './old-messages.ts';
import { type PackedRecords, RecordTable } from './packed-records.ts';
import { DamagedBatch, recordBatches, type StoredBatch, type UnpackOptions } from './record-batches.ts';

/** What one fetch returned for `[from, nextOffset)` of a partition. */
export interface FetchedRecords {
  /** The records that a reader with isolation level `read_committed` sees; there may be none. */
  readonly records: PackedRecords;
  /** The offset that the fetch asked for. */
  readonly from: number;
  /** The offset to fetch next. */
  readonly nextOffset: number;
  /** The offsets `[logStart, high)` that the partition held at the time of the fetch. */
  readonly logStart: number;
  readonly high: number;
  /** Set where the first batch of the fetch cannot be read; the fetch then holds no record. */
  readonly damage: Damage | null;
}

/** A record batch that cannot be read. */
export interface Damage {
  readonly reason: string;
  /** The offset after the batch; null where that cannot be told, so that it cannot be skipped. */
  readonly to: number | null;
}

/** Once a fetch has this many unpacked bytes, its other batches are left to the next fetch. */
const enoughBytes = 64 << 20;

/**
 * Unpacks and decodes a fetch. It stops before a damaged batch, so that the good records before it are read; the next
 * fetch then begins with the damage. Throws `OUT_OF_MEMORY` when there is no memory to unpack it.
 *
 * It differs from kafkajs in three ways. It reads past a batch that log cleaning left empty, where kafkajs never advances.
 * It drops all records of aborted transactions also when transactions overlap, where kafkajs delivers some of them. And it
 * checks the checksums.
 */
export function readFetched(batch: FetchedBatch, codecs: readonly Unpack[], maxUnpackedBytes: number): FetchedRecords {
  const { bytes, abortedTransactions, logStart } = batch;
  const from = Number(batch.fetchedOffset);
  const high = Number(batch.highWatermark);
  try {
    const options = { from, codecs, maxBytes: maxUnpackedBytes };
    return { from, logStart, high, ...readVisible(bytes, abortedTransactions, { ...options, high }) };
  } catch (cause) {
    if (!isOutOfMemory(cause)) throw cause;
    const sentence = `no memory is left to unpack the records of ${partitionName(batch)} from offset ${from} on`;
    throw new TidemarkError('OUT_OF_MEMORY', sentence, { cause });
  }
}

function readVisible(
  bytes: Buffer,
  aborted: readonly AbortedTransaction[],
  { high, ...options }: UnpackOptions & { readonly high: number },
) {
  const { from } = options;
  const transactions = new AbortedTransactions(aborted);
  const table = new RecordTable();
  let good = { count: 0, nextOffset: from };
  let damage: Damage | null = null;
  try {
    for (const batch of isOldFormat(bytes) ? oldMessages(bytes) : recordBatches(bytes)) {
      if (!transactions.hides(batch)) batch.addRecords(options, table);
      good = { count: table.length, nextOffset: Math.max(from, batch.nextOffset) };
      if (table.blockBytes > enoughBytes) break;
    }
  } catch (error) {
    if (!(error instanceof DamagedBatch)) throw error;
    table.truncate(good.count);
    if (good.nextOffset === from) damage = { reason: error.message, to: endOf(error, from, high) };
  }
  return { records: table.records(), nextOffset: damage?.to ?? good.nextOffset, damage };
}

/** Where a damaged batch ends; null when that cannot be true, because its header may be what is damaged. */
function endOf({ nextOffset }: DamagedBatch, from: number, high: number): number | null {
  return nextOffset !== null && nextOffset > from && nextOffset <= high ? nextOffset : null;
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
  hides(batch: StoredBatch): boolean {
    for (let next = this.#upcoming.at(-1); next && next.firstOffset < batch.nextOffset; next = this.#upcoming.at(-1)) {
      this.#abortingProducers.add(next.producerId);
      this.#upcoming.pop();
    }
    // An end marker ends the transaction of its producer. After a commit there is nothing to delete.
    if (batch.isControl) this.#abortingProducers.delete(batch.producerId);
    return batch.isControl || (batch.isTransactional && this.#abortingProducers.has(batch.producerId));
  }
}
