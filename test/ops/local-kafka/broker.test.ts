import { describe, expect, test } from 'vitest';
import { TestCluster } from '../../support/kafka/cluster.ts';
import { canStartBroker, startBroker } from '../../support/kafka/own-servers.ts';

describe.skipIf(!(await canStartBroker()))('a broker', () => {
  test('that was killed and started again has its records, on the same port', async () => {
    const broker = await startBroker();
    const cluster = new TestCluster(broker.brokers);
    const topic = await cluster.createTopic('kept', { partitions: 2 });
    await cluster.produce(topic, [
      { partition: 0, value: 'one' },
      { partition: 1, value: 'two' },
      { partition: 1, value: 'three' },
    ]);
    const pid = broker.pid;
    await broker.kill();
    await broker.start();
    expect(broker.pid).not.toBe(pid);
    expect(await cluster.offsets(topic)).toEqual([
      { partition: 0, low: 0, high: 1 },
      { partition: 1, low: 0, high: 2 },
    ]);
  });
});
