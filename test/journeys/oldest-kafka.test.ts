import { describe, expect, onTestFinished, test } from 'vitest';
import { waitFor } from '../../ops/local-kafka/waiting.ts';
import { type GoldenCase, goldenLines, keyOf, readGolden } from '../support/golden.ts';
import { expectGolden } from '../support/golden-exports.ts';
import { TestCluster } from '../support/kafka/cluster.ts';
import { canProduceFromPython, type ForeignRecord, produceFromPython } from '../support/kafka/foreign-producers.ts';
import { canStartBroker, startBroker } from '../support/kafka/own-servers.ts';
import { readLog } from '../support/kafka/read-log.ts';
import { Service } from '../support/service.ts';
import { TestStore } from '../support/store.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** The oldest Kafka that is supported; all other tests talk to the newest. */
const version = '3.9.1';

describe.skipIf(!(await canStartBroker(version)) || !(await canProduceFromPython()))(`Apache Kafka ${version}`, () => {
  test('records of librdkafka give the golden exports, also with a kill and a restart, and a request is served', async () => {
    const broker = await startBroker({ version });
    const cluster = new TestCluster(broker.brokers);
    const topic = await cluster.createTopic('calls', { partitions: 3 });
    const control = await cluster.createTopic('requests');
    const statuses = await cluster.createTopic('statuses');
    const records = goldenLines('messy/events.ndjson').map(
      (line): ForeignRecord => ({ key: keyOf(line), value: line.toString() }),
    );
    const target = { brokers: broker.brokers, topic, codec: 'lz4' } as const;
    const half = records.length >> 1;

    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    const flags = ['--control-topic', control, '--status-topic', statuses];
    const group = cluster.uniqueTopic('group');
    const place = { folder: folder.path, brokers: broker.brokers, topic, group, flags };
    expect(await produceFromPython(target, records.slice(0, half))).toBe(half);
    const killed = new Service(place);
    await killed.reachesOffsets(await cluster.offsets(topic));
    await killed.kill();
    expect(await produceFromPython(target, records.slice(half))).toBe(records.length - half);

    const service = new Service(place);
    await service.reachesOffsets(await cluster.offsets(topic));
    const request = { action: 'export', file_prefix: 'march_', time_from: '2026-03-01T00:00:00Z' };
    await cluster.produce(control, [{ key: 'march', value: JSON.stringify(request) }]);
    const told = await waitFor('the request to be served', async () => {
      const all = (await readLog(cluster, statuses)).flat().map(({ value }) => JSON.parse(String(value)));
      return all.some(({ status }) => status === 'completed') ? all : null;
    });
    expect(told.map(({ request_id, status }) => [request_id, status])).toEqual(
      expect.arrayContaining(['accepted', 'running', 'completed'].map(status => ['march', status])),
    );
    const { partitions } = await service.status();
    const sum = (count: 'applied' | 'quarantined') => partitions.reduce((total, of) => total + of[count], 0);
    expect([sum('applied'), sum('quarantined')]).toEqual([records.length, 0]);
    expect(await service.stop()).toMatchObject({ code: 0, stderr: '' });

    const store = await TestStore.open(service.db);
    onTestFinished(() => store.close());
    for (const golden of readGolden<GoldenCase[]>('messy/expected.json')) await expectGolden(store, golden);
  });
});
