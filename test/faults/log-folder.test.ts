import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openLogWriter } from '../../connectors/log-files/log/log-writer.ts';
import { waitFor } from '../../ops/local-kafka/waiting.ts';
import type { Status } from '../../ops/service/status.ts';
import { segmentFiles } from '../support/log-files.ts';
import { RunningService } from '../support/running-service.ts';
import { queryDatabase } from '../support/tables.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const event = (id: string) => Buffer.from(`{"event":"service.started","service_id":"${id}"}`);

test('a service waits for a log folder and its first event, and again while the folder is away', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const root = path.join(folder.path, 'log');
  const places = ['--db', path.join(folder.path, 'x.duckdb'), '--export-root', path.join(folder.path, 'out')];
  const service = new RunningService([...places, '--log-folder', root]);
  const url = await service.url();
  const statusWhen = (what: string, holds: (status: Status) => boolean) =>
    waitFor(what, async () => {
      const status = (await (await fetch(`${url}/status`)).json()) as Status;
      return holds(status) ? status : null;
    });
  const isMissing = ({ not_ready }: Status) => not_ready?.some(reason => reason.includes(root)) ?? false;
  await statusWhen('the missing folder', isMissing);
  expect((await fetch(`${url}/readyz`)).status).toBe(503);

  await mkdir(root);
  const writer = await openLogWriter({ root, topic: 'calls', partition: 0 });
  await writer.append([{ timestamp: Date.now(), key: null, value: event('a') }]);
  await writer.close();
  const isStored = (records: number) => (status: Status) =>
    status.not_ready?.length === 0 && status.partitions[0]?.applied === records;
  await statusWhen('the first event', isStored(1));

  await rename(root, `${root}-away`);
  await statusWhen('the folder that is away', isMissing);
  await rename(`${root}-away`, root);
  const again = await openLogWriter({ root, topic: 'calls', partition: 0 });
  await again.append([{ timestamp: Date.now(), key: null, value: event('b') }]);
  await again.close();
  await statusWhen('the next event', isStored(2));
  expect(await service.stop()).toMatchObject({ code: 0 });
});

test('a service whose log lost its first segments stops, or records the gap (contract 2.15)', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const root = path.join(folder.path, 'log');
  const db = path.join(folder.path, 'x.duckdb');
  const args = ['--db', db, '--export-root', path.join(folder.path, 'out'), '--log-folder', root];
  const append = async (...ids: readonly string[]): Promise<string> => {
    const writer = await openLogWriter({ root, topic: 'calls', partition: 0, segmentBytes: 1 });
    for (const id of ids) await writer.append([{ timestamp: Date.now(), key: null, value: event(id) }]);
    await writer.close();
    return writer.path;
  };
  const storedUpTo = async (service: RunningService, offset: number): Promise<void> => {
    const url = await service.url();
    await waitFor(`offset ${offset}`, async () => {
      const { partitions } = (await (await fetch(`${url}/status`)).json()) as Status;
      return partitions[0]?.stored_offset === offset ? true : null;
    });
  };
  await append('a');
  const first = new RunningService(args);
  await storedUpTo(first, 1);
  await first.stop();
  for (const file of (await segmentFiles(await append('b', 'c'))).slice(0, 2)) await rm(file);

  const stopped = await new RunningService(args).ended;
  expect(stopped).toMatchObject({ code: 65, stderr: expect.stringContaining('[RECORDS_LOST]') });
  const skipping = new RunningService([...args, '--kafka-on-lost-records', 'skip']);
  await storedUpTo(skipping, 3);
  expect(await skipping.line(({ code }) => code === 'RECORDS_LOST')).toMatchObject({ level: 'error', from: 1, to: 2 });
  expect(await skipping.stop()).toMatchObject({ code: 0 });
  const gaps = await queryDatabase(db, query => query('SELECT from_offset, to_offset FROM gaps'));
  expect(gaps).toEqual([['1', '2']]);
});
