import { expect, onTestFinished, test, vi } from 'vitest';
import { TopicIds } from '../../../../connectors/kafka/client/kafkajs-requests.ts';

const options = { isolationLevel: 1, maxWaitTime: 250, minBytes: 1 << 18, maxBytes: 1 << 20, topics: [] };
const partition = { partition: 0, errorCode: 0, highWatermark: '1', logStart: 0, preferredReadReplica: -1 };
const answer = (messages: Buffer) => ({
  clientSideThrottleTime: 0,
  responses: [{ topicName: 'calls', partitions: [{ ...partition, abortedTransactions: [], messages }] }],
});

test('a fetch waits for the first record, two seconds at most, when none came for five seconds', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const ids = new TopicIds();
  expect(ids.paced(options)).toEqual(options);
  vi.advanceTimersByTime(5_001);
  ids.note(answer(Buffer.alloc(0)));
  expect(ids.paced(options)).toEqual({ ...options, maxWaitTime: 2_000, minBytes: 1 });
  ids.note(answer(Buffer.alloc(61)));
  expect(ids.paced(options), 'records came').toEqual(options);
});
