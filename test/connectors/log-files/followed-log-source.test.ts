import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { FollowedLogSource } from '../../../connectors/log-files/followed-log-source.ts';
import { openLogWriter } from '../../../connectors/log-files/log/log-writer.ts';
import { describeLiveEventSource } from '../../contracts/live-event-source.ts';
import { LogLines } from '../../support/kafka/reading.ts';
import { records, segmentFiles } from '../../support/log-files.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const follow = (root: string, onLostRecords: 'stop' | 'skip' = 'stop', log = new LogLines()) =>
  new FollowedLogSource({ path: root, onLostRecords, batchRecords: 10, batchBytes: 1 << 20 }, log);

describeLiveEventSource('followed log folder', async partitions => {
  const folder = await temporaryFolder();
  for (const [partition, records] of partitions.entries()) {
    const writer = await openLogWriter({ root: folder.path, topic: 'followed', partition });
    await writer.append(records);
    await writer.close();
  }
  const source = follow(folder.path);
  return { source, close: folder.remove };
});

test('a folder that is not there yet, and a log that comes into it later, are waited for', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const root = path.join(folder.path, 'log');
  const source = follow(root);
  const stop = new AbortController();
  const reading = source.read([], stop.signal).next();
  await vi.waitFor(() => expect(source.problem).toContain(root));
  await mkdir(root);
  await vi.waitFor(() => expect(source.problem).toContain('holds no event log'), { timeout: 10_000 });
  const writer = await openLogWriter({ root, topic: 'late', partition: 0 });
  await writer.append([{ timestamp: 1, key: null, value: Buffer.from('v') }]);
  await writer.close();
  const { value } = await reading;
  expect([value?.records.length, source.problem]).toEqual([1, null]);
  stop.abort();
});

test('segments that are deleted while they wait to be read are a gap, and the log says so (contract 2.15)', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const writer = await openLogWriter({ root: folder.path, topic: 'followed', partition: 0, segmentBytes: 1 });
  await writer.append(records('1'));
  const log = new LogLines();
  const stop = new AbortController();
  const reading = follow(folder.path, 'skip', log).read([], stop.signal);
  expect((await reading.next()).value).toMatchObject({ from: 0, next: { nextOffset: 1 } });
  await writer.append(records('2'));
  await writer.append(records('3'));
  await writer.close();
  for (const file of (await segmentFiles(writer.path)).slice(0, 2)) await rm(file);
  expect((await reading.next()).value).toMatchObject({ records: [], from: 2, lost: { from: 1, to: 2 } });
  expect((await reading.next()).value).toMatchObject({ records: [{ offset: 2 }], from: 2 });
  expect(log.lines).toMatchObject([{ level: 'error', facts: { code: 'RECORDS_LOST', from: 1, to: 2, partition: 0 } }]);
  stop.abort();
});
