import { FieldWriter } from './wire.ts';

/** What kafkajs asks for. */
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

/** By id, so that a broker refuses what is asked of a topic that was made again under the same name. */
export const fetchById = { apiKey: 1, apiVersion: 13, apiName: 'Fetch' };

const none = -1;

/** Encodes version 13 of the fetch request, with the rest of its header. */
export function encodeFetchRequest(options: FetchOptions, topicIds: ReadonlyMap<string, string>): Buffer {
  const { isolationLevel, maxWaitTime, minBytes, maxBytes, topics } = options;
  const writer = new FieldWriter().tags();
  // We are no replica, and ask without a session.
  writer.int32(none).int32(maxWaitTime).int32(minBytes).int32(maxBytes).int8(isolationLevel).int32(0).int32(none);
  writer.structures(topics, ({ topic, partitions }) => {
    writer.uuid(topicIds.get(topic)!);
    writer.structures(partitions, asked => {
      const { partition, fetchOffset, maxBytes: partitionBytes } = asked;
      writer.int32(partition).int32(none).int64(fetchOffset).int32(none).int64(none).int32(partitionBytes);
    });
  });
  return writer
    .structures([], () => undefined)
    .string('')
    .tags()
    .finish();
}
