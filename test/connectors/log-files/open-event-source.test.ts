import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLogWriter } from '../../../connectors/log-files/log-writer.ts';
import { openEventSource } from '../../../connectors/log-files/open-event-source.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { readLines } from './read-lines.ts';

const LIMITS = { batchRecords: 100, batchBytes: 1024 };

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

test('a file is read by lines, and tells what it left', async () => {
  const file = path.join(folder.path, 'events');
  await writeFile(file, '{"a":1}\n{"a":');
  const source = await openEventSource(file, LIMITS);
  expect((await readLines(source)).lines).toEqual(['0 {"a":1}']);
  expect(source.unterminated()).toEqual({ path: file, bytes: 5, offset: 1 });
  expect(await source.totalBytes()).toBe(13);
});

test('a folder of logs and one log folder are read as logs', async () => {
  const writer = await openLogWriter({ root: folder.path, topic: 'calls', partition: 0 });
  await writer.append([{ timestamp: 1, key: null, value: Buffer.from('{"a":1}') }]);
  await writer.close();
  for (const given of [folder.path, writer.path]) {
    const source = await openEventSource(given, LIMITS);
    const { batches, lines } = await readLines(source);
    expect(lines).toEqual(['0 {"a":1}']);
    expect(source.unterminated()).toBe(null);
    expect(await source.totalBytes()).toBe(batches[0]?.bytesRead);
  }
});

test('what is not there is missing at once', async () => {
  const opened = openEventSource(path.join(folder.path, 'nowhere'), LIMITS);
  await expect(opened).rejects.toMatchObject({ code: 'SOURCE_MISSING', message: expect.stringContaining('nowhere') });
});

test('a folder without logs is missing when it is read, in words that say what is allowed', async () => {
  await mkdir(path.join(folder.path, 'other'));
  const { failure } = await readLines(await openEventSource(folder.path, LIMITS));
  expect(failure).toMatchObject({ code: 'SOURCE_MISSING', message: expect.stringContaining('openLogWriter') });
});

test('a device is no source', async () => {
  const { failure } = await readLines(await openEventSource('/dev/null', LIMITS));
  expect(failure).toMatchObject({ code: 'SOURCE_MISSING', message: expect.stringContaining('standard input') });
});
