import type { Admin } from 'kafkajs';
import { expect, test, vi } from 'vitest';
import * as client from '../../../connectors/kafka/client/client.ts';
import { KafkaCluster } from '../../../connectors/kafka/topics/cluster.ts';
import { kafkaOptions, LogLines } from '../../support/kafka/reading.ts';

vi.mock('../../../connectors/kafka/client/client.ts');

test('a topic id of zeros counts as none: an upgraded cluster gives its topics no ids at first', async () => {
  const ids: Readonly<Record<string, string>> = { old: '0'.repeat(32), new: '0'.repeat(31).concat('1') };
  const admin = {
    connect: async () => undefined,
    describeCluster: async () => ({ clusterId: 'c' }),
    fetchTopicMetadata: async ({ topics: [name = ''] }: { readonly topics: readonly string[] }) => ({
      topics: [{ name, partitions: [{ topicId: ids[name] }] }],
    }),
  };
  vi.mocked(client.createClient).mockReturnValue({ admin: () => admin as unknown as Admin } as never);
  const options = kafkaOptions({ brokers: ['localhost:9'], topics: ['old', 'new'], group: 'g' });
  const cluster = await KafkaCluster.open(options, new LogLines(), new AbortController().signal);
  expect([...(await cluster.topicIds())]).toEqual([['new', ids.new]]);
});
