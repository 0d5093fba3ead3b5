import { openCodecs } from '../../../connectors/kafka/records/codecs.ts';
import { type AbortedTransaction, FetchedBatch } from '../../../connectors/kafka/records/fetched-batch.ts';
import { type FetchedRecords, readFetched } from '../../../connectors/kafka/records/fetched-records.ts';

interface Fetch {
  readonly from?: number;
  readonly high?: number;
  readonly aborted?: readonly AbortedTransaction[];
  readonly maxUnpackedBytes?: number;
}

/** What a fetch of partition 3 of the topic `t` holds, when the broker answers with these bytes. */
export function fetchedFrom(
  bytes: Buffer,
  { from = 0, high = 2 ** 50, aborted = [], ...more }: Fetch = {},
): FetchedRecords {
  const data = {
    partition: 3,
    highWatermark: String(high),
    logStart: 0,
    messages: bytes,
    abortedTransactions: aborted,
  };
  return readFetched(new FetchedBatch('t', String(from), data), openCodecs(), more.maxUnpackedBytes ?? 256 << 20);
}

/** Why a fetch cannot be read. */
export function damageOf(bytes: Buffer, fetch: Fetch = {}): string | undefined {
  return fetchedFrom(bytes, fetch).damage?.reason;
}
