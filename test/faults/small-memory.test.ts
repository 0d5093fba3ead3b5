import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { KafkaSource } from '../../connectors/kafka/kafka-source.ts';
import { openLogWriter } from '../../connectors/log-files/log/log-writer.ts';
import { ingest } from '../../pipeline/ingest/ingest.ts';
import { ShrinkingSource } from '../../pipeline/ingest/shrinking-source.ts';
import type { BatchLimits } from '../../pipeline/ports.ts';
import { kafkaOptions, LogLines, openTestCluster } from '../support/kafka/reading.ts';
import { sharedKafka } from '../support/kafka/shared.ts';
import { RunningService } from '../support/running-service.ts';
import { SmallWarehouse } from '../support/small-warehouse.ts';
import { queryDatabase } from '../support/tables.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tidemark } from '../support/tidemark.ts';

const kafka = await sharedKafka();

const [services, bytes] = [1_500, 40_000];
const events = Array.from({ length: services }, (_, number) =>
  JSON.stringify({
    ...{ event: 'service.completed', service_id: `s${number}`, timestamp: '2026-02-01T00:00:00Z' },
    disposition_desc: String.fromCharCode(97 + (number % 26)).repeat(bytes),
  }),
);
const small = ['--memory-limit', '64MB', '--batch-bytes', '100000000'];
const halved = /memory cannot hold a batch; (reading goes|going) on with batches of half the size/;
const held = (db: string) =>
  queryDatabase(db, query => query('SELECT count(*), sum(length(disposition_desc)) FROM services'));
const all = [[String(services), String(services * bytes)]];

async function newFolder(): Promise<string> {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  return folder.path;
}

// DuckDB's 64 MB do not hold all of these in one batch.
describe('a batch that memory cannot hold is read again and stored in smaller ones', { timeout: 300_000 }, () => {
  test('of a file, with a notice', async () => {
    const folder = await newFolder();
    const [file, db] = ['events.ndjson', 'test.duckdb'].map(name => path.join(folder, name)) as [string, string];
    await writeFile(file, `${events.join('\n')}\n`);
    const { code, stdout, stderr } = await tidemark(['ingest', file, '--db', db, ...small]);
    expect([code, stderr]).toEqual([0, expect.stringMatching(halved)]);
    expect(stdout).toContain('1,500 records read = 1,500 applied + 0 quarantined');
    expect(await held(db)).toEqual(all);
    const again = path.join(folder, 'again.duckdb');
    expect(await tidemark(['replay', file, '--into', again, ...small])).toMatchObject({ code: 0 });
    expect(await held(again), 'a replay').toEqual(all);
  });

  test('of a log folder that a service follows, with a warning', async () => {
    const folder = await newFolder();
    const [root, db] = ['log', 'test.duckdb'].map(name => path.join(folder, name)) as [string, string];
    const writer = await openLogWriter({ root, topic: 'calls', partition: 0 });
    await writer.append(events.map(event => ({ timestamp: Date.now(), key: null, value: Buffer.from(event) })));
    await writer.close();
    const service = new RunningService([
      ...['--db', db, '--export-root', path.join(folder, 'out'), '--log-folder', root, '--log-level', 'debug'],
      ...small,
    ]);
    expect(await service.line(({ msg }) => halved.test(msg))).toMatchObject({ code: 'OUT_OF_MEMORY' });
    await service.line(({ msg, next }) => msg === 'batch stored' && next === services);
    expect(await service.stop()).toMatchObject({ code: 0 });
    expect(await held(db)).toEqual(all);
  });

  test.skipIf(!kafka.available)('of a topic, by a new member of the group', async () => {
    const topic = await kafka.createTopic('large');
    const partition = { topic, partition: 0 };
    await kafka.produce(
      topic,
      Array.from({ length: 20 }, (_, index) => ({ key: `s${index}`, value: events[index]! })),
    );
    const group = `small-${topic}`;
    const options = kafkaOptions({ brokers: kafka.brokers, topics: [topic], group, batchRecords: 16 });
    const cluster = await openTestCluster(options);
    onTestFinished(() => cluster.close());
    const open = (limits: BatchLimits) => new KafkaSource(cluster, { ...options, ...limits }, new LogLines());
    const source = new ShrinkingSource(options, open);
    const warehouse = new SmallWarehouse(partition, 3);
    const ended = new AbortController();
    warehouse.onStored = () => {
      if (warehouse.stored.at(-1)?.[1] === 20) ended.abort();
    };
    const ingesting = { keyFormat: 'string', clock: { now: Date.now }, signal: ended.signal } as const;
    await ingest(source.current, warehouse, { ...ingesting, shrink: () => source.shrink() });
    expect(warehouse.stored.map(([from]) => from)).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
  });
});
