import type { ConsumerConfig } from 'kafkajs';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { MemberOptions } from '../../../../connectors/kafka/client/kafkajs-patches.ts';
import { TopicIds } from '../../../../connectors/kafka/client/kafkajs-requests.ts';
import { GroupConsumer } from '../../../../connectors/kafka/group/group-consumer.ts';
import { KafkaSource } from '../../../../connectors/kafka/kafka-source.ts';
import type { KafkaCluster } from '../../../../connectors/kafka/topics/cluster.ts';
import { waitFor } from '../../../../ops/local-kafka/waiting.ts';
import { kafkaOptions, LogLines, openTestCluster } from '../../../support/kafka/reading.ts';
import { sharedKafka } from '../../../support/kafka/shared.ts';

const kafka = await sharedKafka();
afterEach(() => vi.useRealTimers());

const reader = { topicIds: new TopicIds(), startOf: () => 0, take: async () => undefined };
const never = () => new Promise<never>(() => undefined);

/** A consumer of kafkajs that the test controls. `memberOptions` are those that the group consumer passed to it. */
class FakeConsumer {
  readonly events = { GROUP_JOIN: 'join', CRASH: 'crash', REQUEST_TIMEOUT: 'timeout' };
  readonly memberOptions: MemberOptions;
  readonly listeners = new Map<string, (event: object) => void>();
  connect: () => Promise<void> = async () => undefined;
  disconnect: () => Promise<void> = async () => undefined;
  readonly subscribe = vi.fn(async () => undefined);
  readonly run = vi.fn(async () => undefined);

  constructor({ partitionAssigners = [] }: ConsumerConfig) {
    const cluster = { findTopicPartitionMetadata: () => [] };
    this.memberOptions = partitionAssigners[0]!({ cluster } as never) as MemberOptions;
  }

  on(event: string, listener: (event: object) => void): void {
    this.listeners.set(event, listener);
  }

  join(): void {
    this.listeners.get('join')!({ payload: { memberAssignment: {}, memberId: 'me' } });
  }
}

function member(prepare: (consumer: FakeConsumer) => void) {
  const made: FakeConsumer[] = [];
  const consumer = (config: ConsumerConfig) => {
    const fake = new FakeConsumer(config);
    prepare(fake);
    made.push(fake);
    return fake;
  };
  const forget = vi.fn();
  const options = kafkaOptions({ brokers: ['localhost:9'], topics: ['t'], group: 'g' });
  const cluster = { kafka: { consumer } } as unknown as KafkaCluster;
  const savedMember = { formerId: null, save: async () => undefined, forget };
  const log = new LogLines();
  const controller = new AbortController();
  const group = new GroupConsumer(cluster, options, savedMember, log);
  return { group, made, forget, log, controller, running: group.run(reader, controller.signal) };
}

describe('a group member', () => {
  test('that could not leave stays saved for the next process, and a warning is logged', async () => {
    const { group, made, forget, log } = member(() => undefined);
    made[0]!.join();
    await group.leave();
    expect(forget).not.toHaveBeenCalled();
    expect(log.lines.at(-1)).toMatchObject({ level: 'warn', sentence: expect.stringContaining('could not be left') });
  });

  test('that has left is forgotten', async () => {
    const { group, made, forget } = member(consumer => {
      consumer.disconnect = async () => consumer.memberOptions.onLeft!();
    });
    made[0]!.join();
    await group.leave();
    expect(forget).toHaveBeenCalledOnce();
  });

  test('whose signal aborts while it connects does not join', async () => {
    let connected: (() => void) | undefined;
    const { made, controller, running } = member(consumer => {
      consumer.connect = () =>
        new Promise(resolve => {
          connected = resolve;
        });
    });
    controller.abort();
    connected!();
    await running;
    expect(made[0]!.subscribe).not.toHaveBeenCalled();
    expect(made[0]!.run).not.toHaveBeenCalled();
  });

  test('replaces a failed consumer also when that one does not disconnect', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { made, controller, running } = member(consumer => {
      consumer.disconnect = never;
    });
    made[0]!.listeners.get('crash')!({
      payload: { error: Object.assign(new Error('Closed connection'), { name: 'KafkaJSConnectionClosedError' }) },
    });
    // The limit for leaving the group, then the pause before the new consumer.
    await vi.advanceTimersByTimeAsync(5_000 + 250);
    vi.useRealTimers();
    await waitFor('a new consumer', async () => (made.length === 2 ? true : null));
    controller.abort();
    await running;
  });

  test('replaces its consumer when a broker does not answer, but not before it has joined', async () => {
    const { made, log, controller, running } = member(() => undefined);
    const timeout = { payload: { apiName: 'Heartbeat', broker: 'one:9092' } };
    made[0]!.listeners.get('timeout')!(timeout);
    made[0]!.join();
    expect(log.lines.filter(({ level }) => level === 'warn')).toEqual([]);
    made[0]!.listeners.get('timeout')!(timeout);
    await waitFor('a new consumer', async () => (made.length === 2 ? true : null));
    expect(log.lines.at(-1)?.sentence).toMatch(/one:9092 does not answer a Heartbeat request/);
    controller.abort();
    await running;
  });

  test('ignores the events of a consumer that it has replaced', async () => {
    const { group, made, forget, log, controller, running } = member(() => undefined);
    made[0]!.join();
    made[0]!.listeners.get('timeout')!({ payload: { apiName: 'Fetch', broker: 'one:9092' } });
    await waitFor('a new consumer', async () => (made.length === 2 ? true : null));
    made[1]!.join();
    const assigned = () => log.lines.filter(({ sentence }) => sentence === 'partitions were assigned').length;
    made[0]!.join();
    expect(assigned()).toBe(2);
    made[0]!.memberOptions.onLeft!();
    controller.abort();
    await running;
    await group.leave();
    expect(forget, 'the second consumer is still a member').not.toHaveBeenCalled();
  });

  test('fails when its consumer fails on a bug', async () => {
    const { made, running } = member(() => undefined);
    const bug = new TypeError('x is not a function');
    made[0]!.listeners.get('crash')!({ payload: { error: bug } });
    await expect(running).rejects.toBe(bug);
    expect(made).toHaveLength(1);
  });
});

test.skipIf(!kafka.available)('a reachable group is left, and the saved member is forgotten', async () => {
  const topic = await kafka.createTopic('left');
  const options = kafkaOptions({ brokers: kafka.brokers, topics: [topic], group: kafka.uniqueTopic('group') });
  const cluster = await openTestCluster(options);
  onTestFinished(() => cluster.close());
  await kafka.produce(topic, [{ value: 'a' }]);
  const savedMember = { formerId: null, save: vi.fn(), forget: vi.fn() };
  const reading = new KafkaSource(cluster, options, new LogLines(), savedMember).read([], AbortSignal.timeout(60_000));
  for await (const batch of reading) if (batch.records.length === 1) break;
  expect([savedMember.save, savedMember.forget].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
});
