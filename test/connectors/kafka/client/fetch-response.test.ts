import { describe, expect, test } from 'vitest';
import { decodeFetchResponse } from '../../../../connectors/kafka/client/fetch-response.ts';
import { batchOf } from '../../../support/kafka/record-batch.ts';

const int = (bytes: 2 | 4 | 8, value: number): Buffer => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(BigInt(value));
  return buffer.subarray(8 - bytes);
};
const array = (...items: readonly Buffer[]): Buffer => Buffer.concat([int(4, items.length), ...items]);
const sized = (bytes: Uint8Array): Buffer => Buffer.concat([int(4, bytes.length), bytes]);

/** A fetch response for one partition, laid out as in Kafka's protocol documentation. */
function responseOf(version: number, records: Buffer, aborted = array(), error = 0): Buffer {
  const facts = [int(4, 6), int(2, error), int(8, 50), int(8, 45), int(8, 7), aborted];
  const partition = Buffer.concat([...facts, ...(version >= 11 ? [int(4, 2)] : []), records]);
  const topic = Buffer.concat([int(2, 5), Buffer.from('calls'), array(partition)]);
  return Buffer.concat([int(4, 30), ...(version >= 7 ? [int(2, 0), int(4, 99)] : []), array(topic)]);
}

describe('a fetch response', () => {
  test.each([5, 6, 7, 8, 9, 10, 11])('of version %d is decoded', version => {
    const records = batchOf({ baseOffset: 7, values: ['a'] });
    const aborted = array(Buffer.concat([int(8, 2 ** 40), int(8, 8)]), Buffer.concat([int(8, 3), int(8, 9)]));
    expect(decodeFetchResponse(responseOf(version, sized(records), aborted), version)).toEqual({
      clientSideThrottleTime: version >= 8 ? 30 : 0,
      responses: [
        {
          topicName: 'calls',
          partitions: [
            {
              partition: 6,
              errorCode: 0,
              highWatermark: '50',
              logStart: 7,
              abortedTransactions: [
                { producerId: String(2 ** 40), firstOffset: 8 },
                { producerId: '3', firstOffset: 9 },
              ],
              preferredReadReplica: version >= 11 ? 2 : -1,
              messages: records,
            },
          ],
        },
      ],
    });
  });

  test('may hold null instead of records and aborted transactions', () => {
    const { responses } = decodeFetchResponse(responseOf(11, int(4, -1), int(4, -1)), 11);
    expect(responses[0]?.partitions[0]).toMatchObject({ abortedTransactions: [], messages: Buffer.alloc(0) });
  });

  // UNKNOWN_TOPIC_ID and INCONSISTENT_TOPIC_ID: the topic was deleted, or another one has its name now.
  test.each([
    [100, 3],
    [103, 3],
    [6, 6],
  ])('with the error %d is reported to kafkajs with the error %d', (error, errorCode) => {
    const { responses } = decodeFetchResponse(responseOf(11, int(4, -1), array(), error), 11);
    expect(responses[0]?.partitions[0]).toMatchObject({ errorCode });
  });
});
