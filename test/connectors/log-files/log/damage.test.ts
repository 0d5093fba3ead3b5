import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeBatch } from '../../../../connectors/log-files/log/batch-format.ts';
import { openLogWriter } from '../../../../connectors/log-files/log/log-writer.ts';
import { readValues, records, segmentFiles } from '../../../support/log-files.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

const BATCHES = [
  ['a', 'bb'],
  ['ccc', 'dddd'],
  ['eeeee', 'ffffff'],
] as const;
const BATCH_ENDS = BATCHES.map((_, index) =>
  BATCHES.slice(0, index + 1).reduce((sum, batch) => sum + encodeBatch(records(...batch), 0).length, 0),
);

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

const open = (segmentBytes: number) => openLogWriter({ root: folder.path, topic: 't', partition: 0, segmentBytes });
const write = async (segmentBytes: number): Promise<readonly string[]> => {
  const writer = await open(segmentBytes);
  for (const batch of BATCHES) await writer.append(records(...batch));
  await writer.close();
  return segmentFiles(writer.path);
};
const flip = (content: Buffer, at: number): Buffer => {
  const flipped = Buffer.from(content);
  flipped[at] = flipped[at]! ^ (1 << (at % 8));
  return flipped;
};
const damagedAt = (file: string, byte: number) => ({
  code: 'SOURCE_CORRUPT',
  message: expect.stringContaining(`${file} is damaged at byte ${byte}:`),
});

test('a flipped bit in any byte before the last batch is reported with file and position; the batches before it are read', async () => {
  const [file = ''] = await write(1_000_000);
  const content = await readFile(file);
  for (let at = 0; at < BATCH_ENDS[1]!; at += 1) {
    await writeFile(file, flip(content, at));
    const good = at < BATCH_ENDS[0]! ? 0 : 1;
    const values = BATCHES.slice(0, good).flat();
    const failure = damagedAt(file, good === 0 ? 0 : BATCH_ENDS[0]!);
    expect(await readValues(folder.path), `byte ${at}`).toEqual({ values, failure: expect.objectContaining(failure) });
    if (at % 8 === 0) await expect(open(1_000_000), `byte ${at}`).rejects.toMatchObject(failure);
  }
});

test('a flipped bit in any byte of an earlier segment is reported', async () => {
  const files = await write(1);
  expect(files).toHaveLength(3);
  const content = await readFile(files[1]!);
  for (let at = 0; at < content.length; at += 1) {
    await writeFile(files[1]!, flip(content, at));
    const failure = expect.objectContaining(damagedAt(files[1]!, 0));
    expect(await readValues(folder.path), `byte ${at}`).toEqual({ values: BATCHES[0], failure });
  }
});

test('a truncated earlier segment is reported; no later segment is read', async () => {
  const files = await write(1);
  await writeFile(files[1]!, (await readFile(files[1]!)).subarray(0, 50));
  const { values, failure } = await readValues(folder.path);
  expect([values, failure]).toEqual([BATCHES[0], expect.objectContaining(damagedAt(files[1]!, 0))]);
});

test.each([
  ['is missing', async (file: string) => rm(file)],
  ['was emptied', async (file: string) => writeFile(file, '')],
])('a segment in the middle that %s is reported', async (_, harm) => {
  const files = await write(1);
  await harm(files[1]!);
  const { values, failure } = await readValues(folder.path);
  expect(values).toEqual(BATCHES[0]);
  expect(failure).toMatchObject({ code: 'SOURCE_CORRUPT', message: expect.stringContaining(path.basename(files[2]!)) });
});

test('a batch in the place of another is reported, although its CRC is right', async () => {
  const files = await write(1);
  await rm(files[1]!);
  await rename(files[2]!, files[1]!);
  expect((await readValues(folder.path)).values).toEqual(BATCHES[0]);
  await writeFile(files[2]!, encodeBatch(records('x'), 4));
  expect((await readValues(folder.path)).failure).toMatchObject(damagedAt(files[1]!, 0));
});

test.each([0, 1, 2, 3])(
  'a good batch after damage is found when %i of its first bytes end one read of the disk and the rest begin the next',
  async before => {
    // The search reads 2 MiB at a time, the first time from the byte after the start of the bad batch.
    const border = 1 + 2 * 1024 * 1024;
    const values = ['x'.repeat(border - before - encodeBatch(records(''), 0).length), 'good'];
    const writer = await open(64 * 1024 * 1024);
    for (const value of values) await writer.append(records(value));
    await writer.close();
    const [file = ''] = await segmentFiles(writer.path);
    const content = await readFile(file);
    expect(content.indexOf('TMb1', 1), 'where the good batch begins').toBe(border - before);
    await writeFile(file, flip(content, 1_000));
    const reading = await readValues(folder.path);
    expect(reading, 'the damage was taken for an incomplete last batch').toEqual({
      values: [],
      failure: expect.objectContaining(damagedAt(file, 0)),
    });
    await expect(open(1_000_000), 'the good batch was cut off').rejects.toMatchObject(damagedAt(file, 0));
  },
);
