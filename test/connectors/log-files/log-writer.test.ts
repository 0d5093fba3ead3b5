import { appendFile, cp, mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type OpenedLogWriter, openLogWriter } from '../../../connectors/log-files/log-writer.ts';
import { readValues, records, segmentFiles } from '../../support/log-files.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

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

test('offsets begin at 0 and go on after the log was closed and opened again', async () => {
  const writer = await open();
  expect(await writer.append(records('a', 'b'))).toEqual({ firstOffset: 0 });
  expect(await writer.append(records())).toEqual({ firstOffset: 2 });
  await writer.close();
  const again = await open();
  expect(await again.append(records('c'))).toEqual({ firstOffset: 2 });
  expect(again.cut).toBeNull();
  expect(await readValues(root)).toEqual({ values: ['a', 'b', 'c'], failure: null });
});

test('appends asked for at once are written in the order asked', async () => {
  const writer = await open();
  const appended = await Promise.all(['a', 'b', 'c', 'd'].map(value => writer.append(records(value))));
  expect(appended.map(({ firstOffset }) => firstOffset)).toEqual([0, 1, 2, 3]);
  expect((await readValues(root)).values).toEqual(['a', 'b', 'c', 'd']);
});

test('a segment is closed before it outgrows its size, and named by its first offset', async () => {
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

test('a second writer is refused at once, by the number of the process that writes', async () => {
  const first = await open();
  const refused = { code: 'LOG_LOCKED', message: expect.stringContaining(`process ${process.pid}`) };
  await expect(open()).rejects.toMatchObject(refused);
  await first.append(records('still writing'));
  await first.close();
  await (await open()).append(records('next'));
});

test('a closed writer takes no more', async () => {
  const writer = await open();
  await writer.close();
  await writer.close();
  await expect(writer.append(records('late'))).rejects.toMatchObject({ code: 'NOT_WRITABLE' });
});

test('a copy under another name is not written, or two logs would share one identity', async () => {
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

describe('torn at the end', () => {
  test('cut at every byte of its last segment, nothing acknowledged before is lost and nothing is made up', async () => {
    const writer = await open(400);
    const ends: number[] = [];
    for (const value of ['one', 'two', 'three', 'four', 'five']) {
      await writer.append(records(value, value.repeat(20)));
      ends.push((await stat((await segmentFiles(writer.path)).at(-1)!)).size);
    }
    await writer.close();
    const last = (await segmentFiles(writer.path)).at(-1)!;
    const content = await readFile(last);
    const { values } = await readValues(root);
    const before =
      values.length - 2 * ends.filter((end, index) => index >= ends.lastIndexOf(Math.min(...ends)) && end > 0).length;
    for (let size = content.length; size >= 0; size -= 1) {
      await truncate(last, size);
      const kept = before + 2 * ends.slice(ends.lastIndexOf(Math.min(...ends))).filter(end => end <= size).length;
      expect(await readValues(root), `reading ${size} bytes`).toEqual({ values: values.slice(0, kept), failure: null });
      if (size % 16 !== 0) continue;
      const again = await open(400);
      expect(await again.append([])).toEqual({ firstOffset: kept });
      await again.close();
      await writeFile(last, content);
    }
  });

  test('what is cut is told, and the next record takes its place', async () => {
    const writer = await open();
    await writer.append(records('kept'));
    const [segment] = await segmentFiles(writer.path);
    const { size } = await stat(segment!);
    await writer.append(records('torn'));
    await writer.close();
    await truncate(segment!, size + 7);
    const again = await open();
    expect(again.cut).toEqual({ file: segment, position: size, bytes: 7 });
    await again.append(records('next'));
    expect(await readValues(root)).toEqual({ values: ['kept', 'next'], failure: null });
  });

  test.each([
    ['zeros, as a power cut leaves', Buffer.alloc(5_000)],
    ['noise', Buffer.from('TMb1 and then TMb1 something else TMb1')],
  ])('%s behind the last batch are cut', async (_, tail) => {
    const writer = await open();
    await writer.append(records('kept'));
    await writer.close();
    await appendFile((await segmentFiles(writer.path))[0]!, tail);
    expect(await readValues(root)).toEqual({ values: ['kept'], failure: null });
    expect((await open()).cut?.bytes).toBe(tail.length);
  });

  test('a torn record that holds a copy of an older batch is still a torn one', async () => {
    const writer = await open();
    await writer.append(records('older'));
    const [segment] = await segmentFiles(writer.path);
    const older = await readFile(segment!);
    await writer.append([{ timestamp: null, key: older, value: Buffer.alloc(100) }]);
    await writer.close();
    await truncate(segment!, (await stat(segment!)).size - 50);
    expect(await readValues(root)).toEqual({ values: ['older'], failure: null });
  });

  test('random appends, torn anywhere: exactly the whole batches before come back, and appending goes on', async () => {
    const batch = fc.array(fc.string({ maxLength: 30 }), { minLength: 1, maxLength: 5 });
    const history = fc.record({ batches: fc.array(batch, { minLength: 1, maxLength: 6 }), cut: fc.nat(1_000) });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(history, fc.integer({ min: 60, max: 500 }), async ({ batches, cut }, segmentBytes) => {
        run += 1;
        const at = path.join(folder.path, `run-${run}`);
        const writer = await open(segmentBytes, at);
        const ends: { file: string; size: number; values: readonly string[] }[] = [];
        for (const values of batches) {
          await writer.append(records(...values));
          const file = (await segmentFiles(writer.path)).at(-1)!;
          ends.push({ file, size: (await stat(file)).size, values });
        }
        await writer.close();
        const last = ends.at(-1)!;
        const size = Math.max(0, last.size - cut);
        await truncate(last.file, size);
        const kept = ends
          .filter(({ file, size: end }) => file !== last.file || end <= size)
          .flatMap(({ values }) => values);
        expect(await readValues(at)).toEqual({ values: kept, failure: null });
        const again = await open(segmentBytes, at);
        await again.append(records('more'));
        await again.close();
        expect(await readValues(at)).toEqual({ values: [...kept, 'more'], failure: null });
      }),
      { numRuns: 60 },
    );
  });
});

test('nothing of the lock is left lying but one small file', async () => {
  for (let round = 0; round < 5; round += 1) await (await open()).close();
  const names = await readdir(path.join(root, 'calls-0'));
  expect(names.filter(name => name.includes('lock'))).toHaveLength(1);
});
