import { appendFile, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type OpenedLogWriter, openLogWriter } from '../../../../connectors/log-files/log/log-writer.ts';
import { readValues, records, segmentFiles } from '../../../support/log-files.ts';
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

interface Appended {
  readonly values: readonly string[];
  /** The segment that holds the batch. */
  readonly file: string;
  /** Size of the segment after the batch, in bytes. */
  readonly size: number;
}

const appendEach = async (writer: OpenedLogWriter, batches: readonly (readonly string[])[]): Promise<Appended[]> => {
  const appended: Appended[] = [];
  for (const values of batches) {
    await writer.append(records(...values));
    const file = (await segmentFiles(writer.path)).at(-1)!;
    appended.push({ values, file, size: (await stat(file)).size });
  }
  return appended;
};

/** The values of the complete batches when the last segment, `last`, is cut to `size` bytes. */
const valuesBefore = (appended: readonly Appended[], last: string, size: number): readonly string[] =>
  appended.filter(batch => batch.file !== last || batch.size <= size).flatMap(({ values }) => values);

describe('a log with an incomplete batch at its end', () => {
  test('holds exactly the complete batches, at whichever byte its last segment is cut', async () => {
    const writer = await open(500);
    const appended = await appendEach(
      writer,
      ['one', 'two', 'three', 'four', 'five'].map(text => [text, text.repeat(20)]),
    );
    await writer.close();
    const { file } = appended.at(-1)!;
    expect(appended.filter(batch => batch.file === file).length, 'batches in the last segment').toBeGreaterThan(1);
    const content = await readFile(file);
    for (let size = content.length; size >= 0; size -= 1) {
      await writeFile(file, content.subarray(0, size));
      const values = valuesBefore(appended, file, size);
      expect(await readValues(root), `reading ${size} bytes`).toEqual({ values, failure: null });
      if (size % 16 !== 0) continue;
      const again = await open(500);
      expect(await again.append([])).toEqual({ firstOffset: values.length });
      await again.close();
    }
  });

  test('reports what was cut off, and the next record takes its place', async () => {
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
    ['zeros, which a power cut may leave', Buffer.alloc(5_000)],
    ['noise', Buffer.from('TMb1 and then TMb1 something else TMb1')],
  ])('%s after the last batch are cut off', async (_, tail) => {
    const writer = await open();
    await writer.append(records('kept'));
    await writer.close();
    await appendFile((await segmentFiles(writer.path))[0]!, tail);
    expect(await readValues(root)).toEqual({ values: ['kept'], failure: null });
    expect((await open()).cut?.bytes).toBe(tail.length);
  });

  test('is not damaged when its incomplete record contains a copy of an older batch', async () => {
    const writer = await open();
    await writer.append(records('older'));
    const [segment] = await segmentFiles(writer.path);
    const older = await readFile(segment!);
    await writer.append([{ timestamp: null, key: older, value: Buffer.alloc(100) }]);
    await writer.close();
    await truncate(segment!, (await stat(segment!)).size - 50);
    expect(await readValues(root)).toEqual({ values: ['older'], failure: null });
  });

  test('after random appends and a cut anywhere holds exactly the complete batches, and can be appended to', async () => {
    const batch = fc.array(fc.string({ maxLength: 30 }), { minLength: 1, maxLength: 5 });
    const history = fc.record({ batches: fc.array(batch, { minLength: 1, maxLength: 6 }), cut: fc.nat(1_000) });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(history, fc.integer({ min: 60, max: 500 }), async ({ batches, cut }, segmentBytes) => {
        run += 1;
        const at = path.join(folder.path, `run-${run}`);
        const writer = await open(segmentBytes, at);
        const appended = await appendEach(writer, batches);
        await writer.close();
        const last = appended.at(-1)!;
        const size = Math.max(0, last.size - cut);
        await truncate(last.file, size);
        const kept = valuesBefore(appended, last.file, size);
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
