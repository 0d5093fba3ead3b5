import { CompressionTypes, type Message } from 'kafkajs';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { PartitionStatus } from '../../ops/service/partition-status.ts';
import type { Status } from '../../ops/service/status.ts';
import { asAvro, kinds, wireBytes } from '../support/avro.ts';
import { type GoldenCase, goldenLines, keyOf, readGolden } from '../support/golden.ts';
import { expectGolden } from '../support/golden-exports.ts';
import { sharedKafka, sharedRegistry } from '../support/kafka/shared.ts';
import { registryProxy } from '../support/registry-proxy.ts';
import { Service } from '../support/service.ts';
import { TestStore } from '../support/store.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tidemarkDone } from '../support/tidemark.ts';

const kafka = await sharedKafka();
const shared = await sharedRegistry();
const partitions = 2;

/** The registry's ids of our schemas, by kind. */
async function registered(topic: string): Promise<ReadonlyMap<string, number>> {
  const args = ['schemas', 'register', '--registry-url', shared.url, '--topic', topic, '--json'];
  const subjects = JSON.parse(await tidemarkDone(args)) as { subject: string; id: number }[];
  return new Map(subjects.map(({ subject, id }) => [subject.slice(topic.length + 1), id]));
}

/** The golden log, its services dealt out to two topics: the first in Avro, the second in JSON, every 7th record otherwise. */
function dealtOut(ids: ReadonlyMap<string, number>): readonly [avro: Message[], json: Message[]] {
  const topics: [Message[], Message[]] = [[], []];
  goldenLines('messy/events.ndjson').forEach((line, number) => {
    const key = keyOf(line);
    const topic = key.length % 2;
    const isAvro = (topic === 0) !== (number % 7 === 0);
    topics[topic]!.push({ key, value: isAvro ? inAvro(line, ids) : line });
  });
  return topics;
}

function inAvro(line: Buffer, ids: ReadonlyMap<string, number>): Buffer {
  const bytes = asAvro(line)!;
  return wireBytes(ids.get(kinds[bytes.readUInt32BE(1) - 1]!)!, bytes.subarray(5));
}

/** A record in each partition that changes nothing. */
const opening = Array.from({ length: partitions }, (_, partition) => ({
  partition,
  key: 'nobody',
  value: '{"event":"service.deleted","service_id":"nobody"}',
}));

const isRead = (status: Status) =>
  status.partitions.length === 2 * partitions && status.partitions.every(({ lag_records }) => lag_records === 0);

/** What the metrics say of a partition's lag, in records and in seconds. */
function lagIn(metrics: string, { topic, partition }: PartitionStatus): readonly number[] {
  return ['records', 'seconds'].map(unit => {
    const line = metrics
      .split('\n')
      .find(of => of.startsWith(`tidemark_lag_${unit}{topic="${topic}",partition="${partition}"}`));
    return Number(line?.split(' ')[1]);
  });
}

describe.skipIf(!kafka.available || !shared.available)('one service that reads two topics', () => {
  test('with Avro and JSON mixed shows its lag, and gives the golden exports when the lag is 0', async () => {
    const avro = await kafka.createTopic('avro', { partitions });
    const json = await kafka.createTopic('json', { partitions });
    const [inFirst, inSecond] = dealtOut(await registered(avro));
    let isHeld = false;
    const registry = await registryProxy({
      url: shared.url,
      misbehave: (_, response) => {
        if (isHeld) response.writeHead(503).end();
        return isHeld;
      },
    });
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    await kafka.produce(avro, opening);
    await kafka.produce(json, opening);
    const group = kafka.uniqueTopic('group');
    const flags = ['--registry-url', registry.url];
    const service = new Service({
      folder: folder.path,
      brokers: kafka.brokers,
      topic: `${avro},${json}`,
      group,
      flags,
    });
    await service.reaches('the first records', isRead);

    isHeld = true;
    await kafka.produce(avro, inFirst, CompressionTypes.GZIP);
    await kafka.produce(json, inSecond, CompressionTypes.GZIP);
    // Each fetch of either topic holds Avro, whose schemas are waited for: nothing more is stored.
    await service.reaches('to be behind everywhere', ({ partitions: all }) =>
      all.every(({ log_end, stored_offset, lag_seconds }) => log_end! > 1 && stored_offset === 1 && lag_seconds! > 0),
    );
    const behind = JSON.parse(await tidemarkDone(['status', '--db', service.db, '--json'])) as Status;
    expect(behind.partitions.map(({ topic, partition }) => [topic, partition])).toEqual([
      [avro, 0],
      [avro, 1],
      [json, 0],
      [json, 1],
    ]);
    const metrics = await service.metrics();
    for (const of of behind.partitions) {
      expect(of.lag_records).toBe(of.log_end! - 1);
      const [records, seconds] = lagIn(metrics, of);
      expect(records).toBe(of.lag_records);
      expect(seconds).toBeGreaterThanOrEqual(of.lag_seconds!);
    }

    isHeld = false;
    const read = await service.reaches('the end of both', isRead);
    const afterwards = await service.metrics();
    for (const of of read.partitions) expect([of.lag_seconds, ...lagIn(afterwards, of)]).toEqual([0, 0, 0]);
    const sum = (count: (of: PartitionStatus) => number) => read.partitions.reduce((total, of) => total + count(of), 0);
    expect([sum(of => of.applied), sum(of => of.quarantined)]).toEqual([
      inFirst.length + inSecond.length + 2 * partitions,
      0,
    ]);
    expect(await service.stop()).toMatchObject({ code: 0, stderr: '' });
    const store = await TestStore.open(service.db);
    onTestFinished(() => store.close());
    for (const golden of readGolden<GoldenCase[]>('messy/expected.json')) await expectGolden(store, golden);
  });
});
