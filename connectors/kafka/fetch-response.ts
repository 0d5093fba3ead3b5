import type { AbortedTransaction, PartitionData, RecordSet } from './fetched-batch.ts';
import { decodeOldFormat, isOldFormat } from './old-records.ts';

/** The answer to a fetch, in kafkajs's words. */
export interface FetchResponse {
  /** How long the client is to wait before it asks again. */
  readonly clientSideThrottleTime: number;
  readonly responses: readonly { readonly topicName: string; readonly partitions: readonly FetchedPartition[] }[];
}

interface FetchedPartition extends PartitionData {
  readonly errorCode: number;
  readonly preferredReadReplica: number;
  messages: RecordSet;
}

/** Since version 5 (Kafka 1.0) a partition's own beginning is told; 11 is the newest that kafkajs asks with. */
export const fetchVersions = { first: 5, last: 11 };
const version = { withSession: 7, withClientThrottling: 8, withReplica: 11 };

/**
 * Decodes the answer to a fetch (https://kafka.apache.org/protocol#The_Messages_Fetch), in place of kafkajs's own
 * functions. The records are left as they are: what they are to be is known only with the rest of it.
 */
export async function decodeFetchResponse(bytes: Buffer, asked: number): Promise<FetchResponse> {
  const reader = new FieldReader(bytes);
  const throttleTime = reader.int32();
  // An error of the session, and its id: we ask without sessions.
  if (asked >= version.withSession) reader.skip(2 + 4);
  const responses = reader.array(() => ({
    topicName: reader.string(),
    partitions: reader.array(() => readPartition(reader, asked)),
  }));
  for (const partition of responses.flatMap(({ partitions }) => partitions)) {
    const { messages } = partition;
    if (Buffer.isBuffer(messages) && isOldFormat(messages)) partition.messages = await decodeOldFormat(messages);
  }
  return { clientSideThrottleTime: asked >= version.withClientThrottling ? throttleTime : 0, responses };
}

function readPartition(reader: FieldReader, asked: number): FetchedPartition {
  const partition = reader.int32();
  const errorCode = reader.int16();
  const highWatermark = reader.int64().toString();
  reader.int64(); // the last stable offset
  const logStart = Number(reader.int64());
  const abortedTransactions = reader.array(
    (): AbortedTransaction => ({ producerId: reader.int64().toString(), firstOffset: Number(reader.int64()) }),
  );
  const preferredReadReplica = asked >= version.withReplica ? reader.int32() : -1;
  const messages = reader.bytes();
  return { partition, errorCode, highWatermark, logStart, abortedTransactions, preferredReadReplica, messages };
}

class FieldReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  skip(count: number): number {
    this.#at += count;
    return this.#at - count;
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.skip(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.skip(4));
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE(this.skip(8));
  }

  string(): string {
    const length = this.int16();
    return this.#bytes.toString('utf8', this.skip(length), this.#at);
  }

  /** Those of a null array are none. */
  array<T>(read: () => T): readonly T[] {
    return Array.from({ length: Math.max(this.int32(), 0) }, read);
  }

  /** None where they are null. */
  bytes(): Buffer {
    const length = Math.max(this.int32(), 0);
    return this.#bytes.subarray(this.skip(length), this.#at);
  }
}
