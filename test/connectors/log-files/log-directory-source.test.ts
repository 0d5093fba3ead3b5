import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLogWriter } from '../../../connectors/log-files/log/log-writer.ts';
import { logDirectorySource } from '../../../connectors/log-files/log-directory-source.ts';
import { describeEventSource } from '../../contracts/event-source.ts';
import { readValues, records, segmentFiles } from '../../support/log-files.ts';
import { positionsAfter, readAll, readToEnd } from '../../support/reading.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

for (const [sizes, segmentBytes, appendRecords] of [
  ['one large batch', 1_000_000, 12],
  ['many small batches and segments', 700, 2],
] as const) {
  describeEventSource(`log directory, ${sizes}`, {
    keeps: 'everything',
    partitions: 3,
    open: async given => {
      const folder = await temporaryFolder();
      for (const [partition, all] of given.entries()) {
        const writer = await openLogWriter({ root: folder.path, topic: 'given', partition, segmentBytes });
        for (let at = 0; at < all.length; at += appendRecords) await writer.append(all.slice(at, at + appendRecords));
        await writer.close();
      }
      return {
        source: limits => logDirectorySource({ path: folder.path, kind: 'folder', ...limits }),
        close: folder.remove,
      };
    },
  });
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let root: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  root = path.join(folder.path, 'logs');
});
afterEach(() => folder.remove());

interface Written {
  readonly topic?: string;
  readonly partition?: number;
  readonly at?: string;
  readonly segmentBytes?: number;
}

/** Appends each value as a batch of its own. */
const write = async (values: readonly string[], written: Written = {}): Promise<string> => {
  const { topic = 'calls', partition = 0, at = root, segmentBytes = 1_000_000 } = written;
  const writer = await openLogWriter({ root: at, topic, partition, segmentBytes });
  for (const value of values) await writer.append(records(value));
  await writer.close();
  return writer.path;
};
const source = (at = root, batchRecords = 1_000, onLostRecords: 'stop' | 'skip' = 'stop') =>
  logDirectorySource({ path: at, kind: 'folder', onLostRecords, batchRecords, batchBytes: 1_000_000 });

test('logs are read in the order of topic and partition number; the folder of one log can be read too', async () => {
  await write(['b10'], { topic: 'b', partition: 10 });
  await write(['b9'], { topic: 'b', partition: 9 });
  const single = await write(['a'], { topic: 'a-b.c_d' });
  expect((await readValues(root)).values).toEqual(['a', 'b9', 'b10']);
  expect((await readValues(single)).values).toEqual(['a']);
});

test('a log that was moved, renamed or copied continues at its stored position', async () => {
  const original = await write(['1', '2']);
  const positions = positionsAfter(await readAll(source()));
  await cp(original, path.join(folder.path, 'copied'), { recursive: true });
  await write(['3']);
  await rename(original, path.join(folder.path, 'moved'));
  expect(await readAll(source(path.join(folder.path, 'copied')), positions)).toEqual([]);
  const [rest] = await readAll(source(path.join(folder.path, 'moved')), positions);
  expect(rest?.records.map(({ offset }) => offset)).toEqual([2]);
});

test('two logs with the same topic name are two partitions', async () => {
  await write(['first']);
  const positions = positionsAfter(await readAll(source()));
  const elsewhere = path.join(folder.path, 'elsewhere');
  await write(['second'], { at: elsewhere });
  const [other] = await readAll(source(elsewhere), positions);
  expect(other?.records).toHaveLength(1);
  expect(other?.partition.topic).toMatch(/^calls@[0-9a-f]{12}$/);
  expect(other?.partition.topic).not.toBe(positions[0]?.partition.topic);
});

test('two copies of a log under one root are refused: its records would be read twice', async () => {
  const original = await write(['1']);
  await cp(original, `${original}-backup`, { recursive: true });
  expect((await readValues(root)).failure).toMatchObject({
    code: 'SOURCE_CORRUPT',
    message: expect.stringMatching(/copies/),
  });
});

test.each([
  ['a path that does not exist', async () => undefined],
  ['an empty folder', async () => mkdir(root)],
  ['a folder of other things', async () => mkdir(path.join(root, 'calls-0'), { recursive: true })],
  ['a file', async () => writeFile(root, 'no folder')],
])('%s is no log', async (_, make) => {
  await make();
  const { failure } = await readValues(root);
  expect(failure).toMatchObject({ code: 'SOURCE_MISSING', message: expect.stringContaining(root) });
  expect(failure).toHaveProperty('message', expect.stringMatching(/could not open|allowed are the folder of one log/));
});

test.each([
  ['lost', async (file: string) => rm(file)],
  ['damaged', async (file: string) => writeFile(file, '{"id":"?"}')],
])('a log whose identity file was %s is refused, not read as a new log', async (_, harm) => {
  const log = await write(['1']);
  await harm(path.join(log, 'log.json'));
  expect((await readValues(root)).failure).toMatchObject({
    code: 'SOURCE_CORRUPT',
    message: expect.stringContaining('log.json'),
  });
});

test.each([
  ['a topic with a slash', { topic: 'calls/eu' }],
  ['an empty topic', { topic: '' }],
  ['a topic that is a folder', { topic: '..' }],
  ['a topic with another letter', { topic: 'anrufe-ä' }],
  ['a topic of 250 characters', { topic: 'x'.repeat(250) }],
  ['a negative partition', { partition: -1 }],
  ['a partition beyond 32 bits', { partition: 2 ** 31 }],
  ['half a partition', { partition: 0.5 }],
])('a log.json with %s, which Kafka would refuse, is refused', async (_, change) => {
  const file = path.join(await write(['1']), 'log.json');
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...change }));
  expect((await readValues(root)).failure).toMatchObject({
    code: 'SOURCE_CORRUPT',
    message: expect.stringMatching(
      /log\.json holds .*; allowed are a UUID as "id", and a "topic" and a "partition" that Kafka/,
    ),
  });
});

test('a log without records is a log, and yields nothing', async () => {
  await write([]);
  expect(await readValues(root)).toEqual({ values: [], failure: null });
});

describe('a log whose first segments were removed (contract 2.15)', () => {
  /** Removes the first segments of a log of four records, and returns the positions after its first record. */
  const removeFirst = async (segments: number) => {
    const log = await write(['1', '2', '3', '4'], { segmentBytes: 1 });
    const afterFirst = positionsAfter((await readAll(source(root, 1))).slice(0, 1));
    for (const file of (await segmentFiles(log)).slice(0, segments)) await rm(file);
    return afterFirst;
  };

  test('goes on where it was read to, when all that was removed had been read', async () => {
    const stored = await removeFirst(1);
    const rest = await readAll(source(root, 1_000, 'skip'), stored);
    expect(rest).toMatchObject([{ from: 1, records: [{ offset: 1 }, { offset: 2 }, { offset: 3 }] }]);
    expect(rest[0]).not.toHaveProperty('lost');
  });

  test('has lost the records that were not read: reading stops and names the offsets', async () => {
    const stored = await removeFirst(3);
    expect((await readToEnd(source(), stored)).failure).toMatchObject({
      code: 'RECORDS_LOST',
      message: expect.stringMatching(
        /^the log calls-0 in .*: the next offset to read is 1, but the log now begins at 3; .* set kafka_on_lost_records to skip, or give a new replay --allow-gaps$/,
      ),
    });
  });

  test('with the policy skip, the gap comes before the first record that is left', async () => {
    const stored = await removeFirst(3);
    const read = await readAll(source(root, 1_000, 'skip'), stored);
    const lost = { from: 1, to: 3, reason: expect.stringContaining('the log begins at 3') };
    expect(read).toMatchObject([
      { records: [], from: 3, next: { nextOffset: 3, bookmark: null }, lost },
      { records: [{ offset: 3 }], from: 3, next: { nextOffset: 4 } },
    ]);
    expect(await readAll(source(root, 1_000, 'skip'), positionsAfter(read)), 'once').toEqual([]);
  });

  test('of which nothing was ever read begins at the first record that is left', async () => {
    await removeFirst(2);
    expect(await readAll(source())).toMatchObject([{ from: 2, records: [{ offset: 2 }, { offset: 3 }] }]);
  });

  test('another log of the same id, with other records where reading ended, is no loss but a change', async () => {
    const stored = await removeFirst(0);
    const log = path.join(root, 'calls-0');
    const identity = await readFile(path.join(log, 'log.json'));
    await rm(log, { recursive: true });
    await write(['other', '2', '3'], { segmentBytes: 1 });
    await writeFile(path.join(log, 'log.json'), identity);
    for (const policy of ['stop', 'skip'] as const)
      expect((await readToEnd(source(root, 1_000, policy), stored)).failure).toMatchObject({ code: 'SOURCE_CHANGED' });
  });
});

test('a log that lost its end is refused, also when other records have the lost offsets again', async () => {
  const log = await write(['1', '2']);
  const copy = path.join(folder.path, 'copy');
  await cp(root, copy, { recursive: true });
  await write(['three']);
  const positions = positionsAfter(await readAll(source()));
  await rm(log, { recursive: true });
  await cp(copy, root, { recursive: true });
  expect((await readToEnd(source(), positions)).failure).toMatchObject({ code: 'SOURCE_CHANGED' });
  await write(['other']);
  expect((await readToEnd(source(), positions)).failure).toMatchObject({ code: 'SOURCE_CHANGED' });
});

test('the bytes read from the beginning add up to the bytes of the segments, for a root and for the folder of one log', async () => {
  const single = await write(['1', '2', '3'.repeat(500)], { segmentBytes: 100 });
  await write(['4'], { topic: 'b' });
  for (const batchRecords of [1, 2, 1_000]) {
    const read = await readAll(source(root, batchRecords));
    expect(read.reduce((sum, { bytesRead }) => sum + bytesRead, 0)).toBe(await source().totalBytes());
    const alone = await readAll(source(single, batchRecords));
    expect(alone.reduce((sum, { bytesRead }) => sum + bytesRead, 0)).toBe(await source(single).totalBytes());
  }
});

test('records appended while a log is read are left for the next read', async () => {
  await write(['1', '2']);
  const abort = new AbortController();
  const seen: number[] = [];
  for await (const batch of source(root, 1).read([], abort.signal)) {
    seen.push(...Array.from(batch.records, ({ offset }) => offset));
    await write(['more']);
  }
  expect(seen).toEqual([0, 1]);
});
