import type { AbortedTransaction, PartitionData } from '../records/fetched-batch.ts';
import { FieldReader } from './wire.ts';

/** A decoded fetch response, with the field names that kafkajs expects. */
export interface FetchResponse {
  /** How long the client must wait before its next request, in milliseconds. */
  readonly clientSideThrottleTime: number;
  readonly responses: readonly { readonly topicName: string; readonly partitions: readonly FetchedPartition[] }[];
}

interface FetchedPartition extends PartitionData {
  readonly errorCode: number;
  readonly preferredReadReplica: number;
}

/** The version of the fetch request since which a field exists. */
const since = { session: 7, clientThrottling: 8, preferredReplica: 11, topicIds: 13 };

/**
 * Errors of fetches by topic id that kafkajs does not know (UNKNOWN_TOPIC_ID, INCONSISTENT_TOPIC_ID): the topic with that id
 * is gone, or another one has its name. They are reported as an unknown topic, which kafkajs knows.
 */
const idErrors = new Set([100, 103]);
const unknownTopic = 3;

/**
 * Decodes a fetch response instead of kafkajs's own decoder. Record batches stay bytes. `topicNameOf` gives the name of a
 * topic id.
 */
export function decodeFetchResponse(
  bytes: Buffer,
  version: number,
  topicNameOf: (topicId: string) => string = topicId => topicId,
): FetchResponse {
  const reader = new FieldReader(bytes, version >= since.topicIds);
  reader.tags();
  const throttleTime = reader.int32();
  if (version >= since.session) {
    // Error and id of the fetch session. The requests use no session.
    reader.int16();
    reader.int32();
  }
  const responses = reader.structures(() => ({
    topicName: version >= since.topicIds ? topicNameOf(reader.uuid()) : (reader.string() ?? ''),
    partitions: reader.structures(() => readPartition(reader, version)),
  }));
  return { clientSideThrottleTime: version >= since.clientThrottling ? throttleTime : 0, responses };
}

function readPartition(reader: FieldReader, version: number): FetchedPartition {
  const partition = reader.int32();
  const error = reader.int16();
  const errorCode = idErrors.has(error) ? unknownTopic : error;
  const highWatermark = reader.int64().toString();
  reader.int64(); // the last stable offset
  const logStart = Number(reader.int64());
  const abortedTransactions = reader.structures(
    (): AbortedTransaction => ({ producerId: reader.int64().toString(), firstOffset: Number(reader.int64()) }),
  );
  const preferredReadReplica = version >= since.preferredReplica ? reader.int32() : -1;
  const messages = reader.bytes();
  return { partition, errorCode, highWatermark, logStart, abortedTransactions, preferredReadReplica, messages };
}
