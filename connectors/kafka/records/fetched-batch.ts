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
  /** The record batches as they are stored; of the last one, the end may be missing. */
  readonly messages: Buffer;
}

/**
 * One partition of a fetch response, in the place of kafkajs's class `Batch` and with its methods. kafkajs hands it over
 * whole: `fetched-records.ts` unpacks and decodes it only when its turn comes, so that no more than one is unpacked at a
 * time, and so that what is wrong with it is found outside of kafkajs.
 */
export class FetchedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly highWatermark: string;
  /** The offset that the fetch asked for. */
  readonly fetchedOffset: string;
  readonly logStart: number;
  readonly abortedTransactions: readonly AbortedTransaction[];
  readonly bytes: Buffer;
  /** kafkajs looks for records here. */
  readonly messages: readonly [] = [];

  constructor(topic: string, fetchedOffset: string, data: PartitionData) {
    this.topic = topic;
    this.partition = data.partition;
    this.highWatermark = data.highWatermark;
    this.fetchedOffset = fetchedOffset;
    this.logStart = data.logStart;
    this.abortedTransactions = data.abortedTransactions;
    this.bytes = data.messages;
  }

  /** True when the response holds nothing at all; kafkajs then drops it. */
  isEmpty(): boolean {
    return this.bytes.length === 0;
  }

  /** Always false, so that kafkajs also delivers batches without visible records. */
  isEmptyDueToFiltering(): boolean {
    return false;
  }

  /** kafkajs reports these four in events that nobody reads. */
  firstOffset(): string {
    return this.fetchedOffset;
  }

  lastOffset(): string {
    return this.fetchedOffset;
  }

  offsetLag(): string {
    return '0';
  }

  offsetLagLow(): string {
    return '0';
  }
}
