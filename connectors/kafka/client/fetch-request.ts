import { FieldWriter } from './wire.ts';

/** The options that kafkajs passes to its own fetch request. */
export interface FetchOptions {
  readonly isolationLevel: number;
  readonly maxWaitTime: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly fetchOffset: string;
      readonly maxBytes: number;
    }[];
  }[];
}

/** Version 13 names topics by id, so that a broker refuses to fetch from a topic that was recreated under the same name. */
export const fetchById = { apiKey: 1, apiVersion: 13, apiName: 'Fetch' };

/** Kafka's value for a number that is not given. */
const none = -1;

/** Encodes version 13 of the fetch request, after the part of the header that kafkajs writes itself. */
export function encodeFetchRequest(options: FetchOptions, topicIds: ReadonlyMap<string, string>): Buffer {
  const { isolationLevel, maxWaitTime, minBytes, maxBytes, topics } = options;
  const writer = new FieldWriter().tags();
  // No replica id, and no fetch session.
  writer.int32(none).int32(maxWaitTime).int32(minBytes).int32(maxBytes).int8(isolationLevel).int32(0).int32(none);
  writer.structures(topics, ({ topic, partitions }) => {
    writer.uuid(topicIds.get(topic)!);
    writer.structures(partitions, each => {
      const { partition, fetchOffset, maxBytes: partitionBytes } = each;
      writer.int32(partition).int32(none).int64(fetchOffset).int32(none).int64(none).int32(partitionBytes);
    });
  });
  return writer
    .structures([], () => undefined)
    .string('')
    .tags()
    .finish();
}
