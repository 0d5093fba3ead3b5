import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { FollowedLogSource } from '../../../connectors/log-files/followed-log-source.ts';
import { openLogWriter } from '../../../connectors/log-files/log/log-writer.ts';
import { describeLiveEventSource } from '../../contracts/live-event-source.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

describeLiveEventSource('followed log folder', async partitions => {
  const folder = await temporaryFolder();
  for (const [partition, records] of partitions.entries()) {
    const writer = await openLogWriter({ root: folder.path, topic: 'followed', partition });
    await writer.append(records);
    await writer.close();
  }
  const source = new FollowedLogSource({ path: folder.path, batchRecords: 10, batchBytes: 1 << 20 });
  return { source, close: folder.remove };
});

test('a folder that is not there yet, and a log that comes into it later, are waited for', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const root = path.join(folder.path, 'log');
  const source = new FollowedLogSource({ path: root, batchRecords: 10, batchBytes: 1 << 20 });
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
