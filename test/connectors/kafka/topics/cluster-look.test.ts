import { createRequire } from 'node:module';
import type { Admin } from 'kafkajs';
import { describe, expect, test, vi } from 'vitest';
import * as client from '../../../../connectors/kafka/client/client.ts';
import type { ClientBroker } from '../../../../connectors/kafka/client/kafkajs-patches.ts';
import type { TopicMetadata } from '../../../../connectors/kafka/client/metadata-request.ts';
import { KafkaCluster } from '../../../../connectors/kafka/topics/cluster.ts';
import { logEnd, lookAt } from '../../../../connectors/kafka/topics/cluster-look.ts';
import { kafkaOptions, LogLines } from '../../../support/kafka/reading.ts';

const { createErrorFromCode } = createRequire(import.meta.url)('kafkajs/src/protocol/error.js') as {
  createErrorFromCode(code: number): Error;
};
const notLeader = () => createErrorFromCode(6);

/** A topic whose partitions have these leaders, as a broker describes it. */
const described = (topic: string, leaders: readonly number[], topicId?: string): TopicMetadata => ({
  topic,
  topicErrorCode: 0,
  ...(topicId === undefined ? {} : { topicId }),
  partitionMetadata: leaders.map((leader, partitionId) => ({
    partitionErrorCode: 0,
    partitionId,
    leader,
    replicas: [],
    isr: [],
    offlineReplicas: [],
  })),
});

type Request = Parameters<ClientBroker['listOffsets']>[0];

/** The answer of a broker that gives every partition this offset, -1 where it has none. */
const answered = ({ topics }: Request, offsetOf: (topic: string, partition: number) => number = () => 5) => ({
  responses: topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map(({ partition }) => ({ partition, offset: String(offsetOf(topic, partition)) })),
  })),
});

/** Brokers that answer every request alike. `requests` holds what each of them was asked. */
function brokers(answer: ClientBroker['listOffsets'] = async request => answered(request)) {
  const requests: { readonly nodeId: number; readonly request: Request }[] = [];
  const findBroker = async ({ nodeId }: { readonly nodeId: number }): Promise<ClientBroker> => ({
    listOffsets(request) {
      requests.push({ nodeId, request });
      return answer(request);
    },
  });
  return { requests, findBroker };
}

const partition = { topic: 't', partition: 0 };

describe('the three offsets of a partition come from three answers, and', () => {
  test.each([
    ['stay as they are when they agree', [2, 5, 9], [2, 5, 9]],
    ['stable is cut at high when transactions ended meanwhile', [2, 11, 9], [2, 9, 9]],
    ['high and stable are raised to low when all records were deleted meanwhile', [12, 9, 9], [12, 12, 12]],
    ['stable is raised to low when an open transaction was deleted meanwhile', [7, 5, 9], [7, 7, 9]],
    ['an empty partition is stable', [0, 0, 0], [0, 0, 0]],
  ] as const)('%s', (_, [low, stable, high], [lowest, stablest, highest]) => {
    expect(logEnd(partition, { low, stable, high })).toEqual({
      partition,
      low: lowest,
      stable: stablest,
      high: highest,
    });
  });
});

test('each leader is asked three times, for all its partitions of all topics at once, for high before stable', async () => {
  const { requests, findBroker } = brokers();
  const { ends } = await lookAt([described('b', [1, 2]), described('a', [1])], null, { findBroker });
  expect(ends.map(end => [end.partition.topic, end.partition.partition])).toEqual([
    ['b', 0],
    ['b', 1],
    ['a', 0],
  ]);
  const asked = (node: number) =>
    requests
      .filter(({ nodeId }) => nodeId === node)
      .map(({ request: { isolationLevel, topics } }) => [
        isolationLevel,
        ...topics.map(({ topic, partitions: [first] }) => `${topic}/${first?.partition} ${first?.timestamp}`),
      ]);
  expect(asked(1)).toEqual([
    [0, 'b/0 -1', 'a/0 -1'],
    [1, 'b/0 -1', 'a/0 -1'],
    [0, 'b/0 -2', 'a/0 -2'],
  ]);
  expect(asked(2)).toEqual([
    [0, 'b/1 -1'],
    [1, 'b/1 -1'],
    [0, 'b/1 -2'],
  ]);
});

test('only declared partitions are asked for, and the number of partitions is that of the topic', async () => {
  const { requests, findBroker } = brokers();
  const { ends, topics } = await lookAt([described('t', [1, 1, 1])], [2], { findBroker });
  expect(ends.map(end => end.partition)).toEqual([{ topic: 't', partition: 2 }]);
  expect(topics).toEqual(new Map([['t', { id: null, partitions: 3 }]]));
  expect(requests[0]?.request.topics[0]?.partitions).toEqual([{ partition: 2, timestamp: -1 }]);
});

test('a topic id of zeros counts as none: an upgraded cluster gives its topics no ids at first', async () => {
  const found = [described('old', [1], '0'.repeat(32)), described('new', [1], '0'.repeat(31).concat('1'))];
  const { topics } = await lookAt(found, null, brokers());
  expect(Array.from(topics.values(), ({ id }) => id)).toEqual([null, '0'.repeat(31).concat('1')]);
});

describe('a partition is never left out in silence:', () => {
  test.each([
    ['an answer without it', { responses: [{ topic: 't', partitions: [{ partition: 0, offset: '5' }] }] }],
    [
      'an answer without an offset of it',
      answered(
        {
          isolationLevel: 0,
          topics: [{ topic: 't', partitions: [0, 1].map(of => ({ partition: of, timestamp: -1 })) }],
        },
        (_, of) => -of,
      ),
    ],
  ])('%s fails the look', async (_, answer) => {
    const looking = lookAt(
      [described('t', [1, 1])],
      null,
      brokers(async () => answer),
    );
    await expect(looking).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: 'the leader of t/1 does not say where the partition ends',
    });
  });
});

describe('a look while the leader moves', () => {
  /** A cluster whose metadata names these leaders, one after the other, and then the last one again and again. */
  async function movingCluster(leaders: readonly number[], answer: (nodeId: number) => ClientBroker['listOffsets']) {
    const left = [...leaders];
    let current = 0;
    const pool = {
      get metadata() {
        return { topicMetadata: [described('t', [current])] };
      },
      refreshMetadata: async () => {
        current = left.shift() ?? current;
      },
      findBroker: async ({ nodeId }: { readonly nodeId: number }) => ({ listOffsets: answer(nodeId) }),
    };
    const admin = {
      connect: async () => undefined,
      describeCluster: async () => ({ clusterId: 'c' }),
      brokers: pool,
    };
    vi.spyOn(client, 'createClient').mockReturnValue({ admin: () => admin as unknown as Admin } as never);
    const options = kafkaOptions({ brokers: ['localhost:9'], topics: ['t'], group: 'g' });
    return KafkaCluster.open(options, new LogLines(), new AbortController().signal);
  }

  test('asks for the leader again and then the new leader', async () => {
    const cluster = await movingCluster([1, 2], nodeId => async request => {
      if (nodeId === 1) throw notLeader();
      return answered(request);
    });
    expect((await cluster.look()).ends).toEqual([{ partition, low: 5, stable: 5, high: 5 }]);
  });

  test('fails for now when no leader is found in time', async () => {
    const cluster = await movingCluster([1], () => async () => Promise.reject(notLeader()));
    vi.spyOn(performance, 'now').mockReturnValueOnce(0).mockReturnValue(1e9);
    await expect(cluster.look()).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      retry: true,
      message: expect.stringMatching(/^could not look at topic t at localhost:9: .*not the leader/),
    });
  });
});
