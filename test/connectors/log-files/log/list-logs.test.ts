import { appendFile, open } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listLogs, logBytes } from '../../../../connectors/log-files/log/list-logs.ts';
import { openLogWriter } from '../../../../connectors/log-files/log/log-writer.ts';
import { records, segmentFiles } from '../../../support/log-files.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

test('lists offsets and bytes of each log, also while it is being written', async () => {
  const writer = await openLogWriter({ root: folder.path, topic: 'calls', partition: 2, segmentBytes: 150 });
  const topic = expect.stringMatching(/^calls@[0-9a-f]{12}$/);
  const log = { name: 'calls', topic, partition: 2, path: path.join(folder.path, 'calls-2') };
  expect(await listLogs(folder.path)).toEqual([{ ...log, low: 0, high: 0, bytes: 0 }]);
  await writer.append(records('a', 'b'));
  await writer.append(records('c'.repeat(100)));
  expect(await listLogs(folder.path)).toEqual([{ ...log, low: 0, high: 3, bytes: 82 + 160 }]);
  expect(await logBytes(folder.path)).toBe(242);
  await writer.close();
});

test('an incomplete batch at the end does not count', async () => {
  const writer = await openLogWriter({ root: folder.path, topic: 'calls', partition: 0 });
  await writer.append(records('a'));
  await writer.close();
  await appendFile((await segmentFiles(writer.path))[0]!, 'TMb1 torn');
  expect(await listLogs(writer.path)).toMatchObject([{ low: 0, high: 1 }]);
});

test('damage before a good batch is no end of the log (contract 4.23)', async () => {
  const writer = await openLogWriter({ root: folder.path, topic: 'calls', partition: 0 });
  await writer.append(records('a'));
  await writer.append(records('b'));
  await writer.close();
  const [file] = await segmentFiles(writer.path);
  const handle = await open(file!, 'r+');
  await handle.write('X', 60);
  await handle.close();
  await expect(listLogs(writer.path)).rejects.toMatchObject({
    code: 'SOURCE_CORRUPT',
    message: expect.stringContaining('the batch there cannot be read, and a good one follows at byte'),
  });
});

test('a path without logs is SOURCE_MISSING', async () => {
  await expect(listLogs(path.join(folder.path, 'nowhere'))).rejects.toMatchObject({ code: 'SOURCE_MISSING' });
});
