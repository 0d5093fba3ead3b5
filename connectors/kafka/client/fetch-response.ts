import type { AbortedTransaction, PartitionData, RecordSet } from '../records/fetched-batch.ts';
import { decodeOldFormat, isOldFormat } from '../records/old-records.ts';
import { FieldReader } from './wire.ts';

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

/** What a version of the request brought. */
const since = { session: 7, clientThrottling: 8, preferredReplica: 11, topicIds: 13 };

/** Errors of fetches by id, of which kafkajs knows nothing: the topic of that id is gone, or another has its name. */
const idErrors = new Set([100, 103]);
const unknownTopic = 3;

/**
 * Decodes the answer to a fetch, in place of kafkajs's own functions. The records are left as they are: what they are to
 * be is known only with the rest of it. `nameOf` gives the topic of an id.
 */
export async function decodeFetchResponse(
  bytes: Buffer,
  version: number,
  nameOf: (topicId: string) => string = topicId => topicId,
): Promise<FetchResponse> {
  const reader = new FieldReader(bytes, version >= since.topicIds);
  reader.tags();
  const throttleTime = reader.int32();
  if (version >= since.session) {
    // An error of the session, and its id: we ask without sessions.
    reader.int16();
    reader.int32();
  }
  const responses = reader.structures(() => ({
    topicName: version >= since.topicIds ? nameOf(reader.uuid()) : (reader.string() ?? ''),
    partitions: reader.structures(() => readPartition(reader, version)),
  }));
  for (const partition of responses.flatMap(({ partitions }) => partitions)) {
    const { messages } = partition;
    if (Buffer.isBuffer(messages) && isOldFormat(messages)) partition.messages = await decodeOldFormat(messages);
  }
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
