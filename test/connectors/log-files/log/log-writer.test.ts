import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type OpenedLogWriter, openLogWriter } from '../../../../connectors/log-files/log/log-writer.ts';
import { runChild } from '../../../support/child-program.ts';
import { recordDiskCalls } from '../../../support/disk-calls.ts';
import { readValues, records, segmentFiles } from '../../../support/log-files.ts';
import { mountNamespace } from '../../../support/skipping.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let root: string;
const writers: OpenedLogWriter[] = [];
const open = async (segmentBytes?: number, at = root): Promise<OpenedLogWriter> => {
  const limit = segmentBytes === undefined ? {} : { segmentBytes };
  const writer = await openLogWriter({ root: at, topic: 'calls', partition: 0, ...limit });
  writers.push(writer);
  return writer;
};
beforeEach(async () => {
  folder = await temporaryFolder();
  root = path.join(folder.path, 'deep', 'logs');
});
afterEach(async () => {
  for (const writer of writers.splice(0)) await writer.close();
  await folder.remove();
});

test('offsets begin at 0 and continue after the log was closed and opened again', async () => {
  const writer = await open();
  expect(await writer.append(records('a', 'b'))).toEqual({ firstOffset: 0 });
  expect(await writer.append(records())).toEqual({ firstOffset: 2 });
  await writer.close();
  const again = await open();
  expect(await again.append(records('c'))).toEqual({ firstOffset: 2 });
  expect(again.cut).toBeNull();
  expect(await readValues(root)).toEqual({ values: ['a', 'b', 'c'], failure: null });
});

test('concurrent appends are written in the order of the calls', async () => {
  const writer = await open();
  const appended = await Promise.all(['a', 'b', 'c', 'd'].map(value => writer.append(records(value))));
  expect(appended.map(({ firstOffset }) => firstOffset)).toEqual([0, 1, 2, 3]);
  expect((await readValues(root)).values).toEqual(['a', 'b', 'c', 'd']);
});

test('a segment is closed before it exceeds its size, and is named by its first offset', async () => {
  const writer = await open(200);
  for (const value of ['a', 'b', 'c', 'd', 'e']) await writer.append(records(value.repeat(40), value.repeat(40)));
  const names = (await segmentFiles(writer.path)).map(file => path.basename(file));
  expect(names).toEqual([0, 2, 4, 6, 8].map(offset => `${String(offset).padStart(20, '0')}.segment`));
  await writer.close();
  expect(await (await open(200)).append(records('f'))).toEqual({ firstOffset: 10 });
  expect((await readValues(root)).values).toHaveLength(11);
});

test.each([
  ['', 0],
  ['.', 0],
  ['..', 0],
  ['a/b', 0],
  ['grün', 0],
  ['x'.repeat(250), 0],
  ['calls', -1],
  ['calls', 1.5],
])('a log cannot be named %j with partition %d', async (topic, partition) => {
  await expect(openLogWriter({ root, topic, partition })).rejects.toMatchObject({ code: 'USAGE' });
});

test('a second writer is refused at once, with the number of the writing process', async () => {
  const first = await open();
  const refused = { code: 'LOG_LOCKED', message: expect.stringContaining(`process ${process.pid}`) };
  await expect(open()).rejects.toMatchObject(refused);
  await first.append(records('still writing'));
  await first.close();
  await (await open()).append(records('next'));
});

test('an append is synced to disk before it returns, and before the next one is written', async () => {
  const calls = await recordDiskCalls();
  const writer = await open();
  const segment = path.basename((await segmentFiles(writer.path))[0]!);
  calls.length = 0;
  await Promise.all(['a', 'b'].map(value => writer.append(records(value)).then(() => calls.push(`appended ${value}`))));
  const appended = (value: string) => [`write ${segment}`, `datasync ${segment}`, `appended ${value}`];
  expect(calls, 'each append is written, synced, and only then returns').toEqual([...appended('a'), ...appended('b')]);
});

test('the name of a new segment is durable before an append to it returns', async () => {
  const calls = await recordDiskCalls();
  const writer = await open(100);
  await writer.append(records('a'.repeat(60)));
  calls.length = 0;
  await writer.append(records('b'.repeat(60)));
  const segment = path.basename((await segmentFiles(writer.path))[1]!);
  expect(calls).toEqual(['sync calls-0', `write ${segment}`, `datasync ${segment}`]);
});

test('after a failed sync the writer accepts no more records; opened again, the log holds the acknowledged ones', async () => {
  let fails = false;
  await recordDiskCalls({
    datasync: async () => {
      if (fails) throw Object.assign(new Error('the disk is broken'), { code: 'EIO' });
    },
  });
  const writer = await open();
  await writer.append(records('a'));
  fails = true;
  const failure = { code: 'NOT_WRITABLE', message: expect.stringContaining('the disk is broken') };
  await expect(writer.append(records('b'))).rejects.toMatchObject(failure);
  fails = false;
  const next = writer.append(records('c'));
  await expect(next, 'it is unknown what is on disk, and yet the writer accepted a record').rejects.toMatchObject(
    failure,
  );
  await writer.close();
  expect((await readValues(root)).values).toEqual(['a']);
  expect(await (await open()).append(records('d'))).toEqual({ firstOffset: 1 });
});

test('a closed writer accepts no records', async () => {
  const writer = await open();
  await writer.close();
  await writer.close();
  await expect(writer.append(records('late'))).rejects.toMatchObject({ code: 'NOT_WRITABLE' });
});

test('a copy of a log under another name cannot be opened for writing', async () => {
  const writer = await open();
  await writer.append(records('a'));
  await writer.close();
  await cp(path.join(root, 'calls-0'), path.join(root, 'calls-1'), { recursive: true });
  const refused = openLogWriter({ root, topic: 'calls', partition: 1 });
  await expect(refused).rejects.toMatchObject({ code: 'SOURCE_CORRUPT', message: expect.stringContaining('copy') });
});

test('a crash before the first segment leaves a log that can be opened', async () => {
  await mkdir(path.join(root, 'calls-0'), { recursive: true });
  await writeFile(path.join(root, 'calls-0', '.log.json'), '{"id":');
  await (await open()).append(records('a'));
  expect((await readValues(root)).values).toEqual(['a']);
});

test('repeated locking leaves one small lock file', async () => {
  for (let round = 0; round < 5; round += 1) await (await open()).close();
  const names = await readdir(path.join(root, 'calls-0'));
  expect(names.filter(name => name.includes('lock'))).toHaveLength(1);
});

test('on a disk that fills up, acknowledged records stay, and the log can be opened again', async context => {
  const within = mountNamespace(context);
  await mkdir(root, { recursive: true });
  const end = await runChild({ program: 'fill-log-disk', args: [root], within });
  expect(end.code, end.stderr).toBe(0);
  const { failures, acknowledged, read, next } = JSON.parse(end.stdout);
  expect(failures).toEqual(['DISK_FULL', 'DISK_FULL']);
  expect(acknowledged).toBeGreaterThanOrEqual(200);
  expect([read, next]).toEqual([acknowledged, acknowledged]);
});
