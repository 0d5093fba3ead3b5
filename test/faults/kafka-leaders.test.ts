import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Broker } from '../../ops/local-kafka/broker.ts';
import { startTimeoutMs, waitFor } from '../../ops/local-kafka/waiting.ts';
import { TestCluster } from '../support/kafka/cluster.ts';
import { EventLoad, produceUntilStopped } from '../support/kafka/load.ts';
import { canStartBroker, startBroker } from '../support/kafka/own-servers.ts';
import { accountsOf, readLog, storedAccounts } from '../support/kafka/read-log.ts';
import { chosenSeed } from '../support/random.ts';
import { Service } from '../support/service.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Each partition on two nodes, its leader first: whichever of the two further brokers dies, some lose their leader. */
const replicas = [
  [2, 3],
  [3, 1],
  [2, 1],
];

/** Three nodes on two cores may be late with a sign of life without being dead. */
const properties = { 'broker.session.timeout.ms': '3000', 'offsets.topic.replication.factor': '2' };

/** While leaders move a client may ask the wrong node, and is told so. */
function patiently<T>(ask: () => Promise<T>): Promise<T> {
  return waitFor('an answer of the cluster', () => ask().catch(() => null), 60_000);
}

describe.skipIf(!(await canStartBroker()))('a cluster of three brokers', () => {
  const seed = chosenSeed();
  const nodes = new Map<number, Broker>();
  let cluster: TestCluster;
  beforeAll(async () => {
    const first = await startBroker({ properties }, afterAll);
    nodes.set(1, first);
    const further = [2, 3].map(node => startBroker({ joins: { first, node }, properties }, afterAll));
    for (const [at, broker] of (await Promise.all(further)).entries()) nodes.set(at + 2, broker);
    cluster = new TestCluster([...nodes.values()].flatMap(({ brokers }) => brokers));
    await cluster.withAdmin(async admin => {
      const members = async () => ((await admin.describeCluster()).brokers.length === nodes.size ? true : null);
      await waitFor('all to be members', members, startTimeoutMs);
      // Where groups are coordinated: by the node that dies first.
      const configEntries = [{ name: 'cleanup.policy', value: 'compact' }];
      const replicaAssignment = [{ partition: 0, replicas: [2, 3] }];
      const topics = [{ topic: '__consumer_offsets', replicaAssignment, configEntries }];
      expect(await admin.createTopics({ topics })).toBe(true);
    });
  });

  /** Nodes that lead a partition of the topic, and the fewest that are in sync with a leader. */
  async function placesOf(topic: string) {
    const { topics } = await patiently(() => cluster.withAdmin(admin => admin.fetchTopicMetadata({ topics: [topic] })));
    const partitions = topics[0]!.partitions;
    return {
      leaders: partitions.map(({ leader }) => leader),
      inSync: Math.min(...partitions.map(({ isr }) => isr.length)),
    };
  }

  test(`whose leaders die under load one after the other: every record is stored exactly once, and the service keeps reading (seed ${seed})`, async () => {
    const topic = await cluster.createTopic('leaders', { replicas });
    const load = new EventLoad({ topic, partitions: replicas.length, services: 600, seed });
    const producing = await produceUntilStopped(cluster, topic, { load, records: 40, everyMs: 40 });
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    const group = cluster.uniqueTopic('group');
    const service = new Service({ folder: folder.path, brokers: cluster.brokers, topic, group });
    for (const node of [2, 3]) {
      await service.reaches('the first records', ({ partitions }) => partitions.length === replicas.length);
      await nodes.get(node)!.kill();
      await waitFor('other leaders', async () => {
        const { leaders } = await placesOf(topic);
        return leaders.includes(node) || leaders.includes(-1) ? null : leaders;
      });
      // Of every partition what is written by the new leaders is read, while the dead one stays dead.
      const ends = await patiently(() => cluster.offsets(topic));
      await service.reaches('more of every partition', ({ partitions }) =>
        ends.every(({ partition, high }) => partitions[partition]!.stored_offset > high + 50),
      );
      await nodes.get(node)!.start();
      await waitFor('all to be in sync', async () => ((await placesOf(topic)).inSync === 2 ? true : null), 60_000);
    }
    await producing.stop();
    await service.reachesOffsets(await patiently(() => cluster.offsets(topic)));
    expect(await service.stop()).toMatchObject({ code: 0, stderr: '' });
    expect(await storedAccounts(service.db, topic)).toEqual(accountsOf(await readLog(cluster, topic)));
  }, 300_000);

  test('one of which, leader and coordinator, hangs: the service reads on from the others, and logs why it paused', async () => {
    const topic = await cluster.createTopic('hanging', { replicas });
    const load = new EventLoad({ topic, partitions: replicas.length, services: 600, seed });
    await cluster.produce(topic, load.next(600));
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    const group = cluster.uniqueTopic('group');
    const { leaders } = await placesOf(topic);
    const hanging = nodes.get(leaders[0]!)!;
    // The one that a client would ask first.
    const brokers = [...hanging.brokers, ...cluster.brokers.filter(of => !hanging.brokers.includes(of))];
    const service = new Service({ folder: folder.path, brokers, topic, group });
    await service.reachesOffsets(await patiently(() => cluster.offsets(topic)));
    process.kill(hanging.pid, 'SIGSTOP');
    onTestFinished(() => void process.kill(hanging.pid, 'SIGCONT'));
    // By clients of its own: one that has asked the broker which hangs waits for it.
    const survivors = new TestCluster(
      [...nodes.values()].filter(of => of !== hanging).flatMap(({ brokers }) => brokers),
    );
    await waitFor('other leaders', async () => {
      const { topics } = await patiently(() =>
        survivors.withAdmin(admin => admin.fetchTopicMetadata({ topics: [topic] })),
      );
      const now = topics[0]!.partitions.map(({ leader }) => leader);
      return now.includes(leaders[0]!) || now.includes(-1) ? null : now;
    });
    await survivors.produce(topic, load.next(600));
    await service.reachesOffsets(await patiently(() => survivors.offsets(topic)));
    await service.line(/does not answer a \w+ request; a new consumer will use another broker/);
    expect(await service.stop()).toMatchObject({ code: 0, stderr: '' });
    expect(await storedAccounts(service.db, topic)).toEqual(accountsOf(await readLog(survivors, topic)));
  });
});
