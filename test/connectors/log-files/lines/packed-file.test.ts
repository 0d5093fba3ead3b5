import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ndjsonFileSource } from '../../../../connectors/log-files/ndjson-file-source.ts';
import { readLines } from '../../../support/read-lines.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

const LIMITS = { batchRecords: 100, batchBytes: 1024 * 1024 };
// The numbers do not repeat, so the packed text is long and a cut falls inside the lines.
const lines = Array.from({ length: 2_000 }, (_, index) => `{"line":${index},"n":${(index * 7_919) % 1_000_003}}`);
const text = `${lines.join('\n')}\n`;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

async function readContent(content: Uint8Array, stored = {}) {
  const file = path.join(folder.path, 'events.gz');
  await writeFile(file, content);
  return readLines(ndjsonFileSource({ path: file, ...LIMITS }), Object.values(stored));
}

const expected = lines.map((line, offset) => `${offset} ${line}`);

test.each([
  ['one member', gzipSync(text)],
  [
    'two members with the border inside a line',
    Buffer.concat([gzipSync(text.slice(0, 777)), gzipSync(text.slice(777))]),
  ],
  ['an empty member between', Buffer.concat([gzipSync(text.slice(0, 99)), gzipSync(''), gzipSync(text.slice(99))])],
])('a packed file of %s holds the lines of its text', async (_, content) => {
  const outcome = await readContent(content);
  expect([outcome.failure, outcome.lines]).toEqual([null, expected]);
});

test('an empty packed file yields no batch', async () => {
  const { batches, failure } = await readContent(gzipSync(''));
  expect([batches, failure]).toEqual([[], null]);
});

describe('a truncated packed file', () => {
  const packed = gzipSync(text);
  test.each([3, 12, 500, packed.length - 9, packed.length - 1])(
    'of %i bytes yields its whole lines, then SOURCE_CORRUPT',
    async cut => {
      const outcome = await readContent(packed.subarray(0, cut));
      expect(outcome.failure).toMatchObject({ code: 'SOURCE_CORRUPT', message: expect.stringContaining('events.gz') });
      expect(outcome.lines).toEqual(expected.slice(0, outcome.lines.length));
      if (cut >= 500) expect(outcome.lines.length).toBeGreaterThan(10);
      const whole = await readContent(packed, outcome.stored);
      expect([whole.failure, [...outcome.lines, ...whole.lines]]).toEqual([null, expected]);
    },
  );
});

test('a flipped bit is found', async () => {
  const packed = gzipSync(text);
  packed.writeUInt8(packed.readUInt8(packed.length - 6) ^ 1, packed.length - 6);
  expect((await readContent(packed)).failure).toMatchObject({ code: 'SOURCE_CORRUPT' });
});

test('the two magic bytes alone are not a gzip file', async () => {
  expect((await readContent(Buffer.from([0x1f, 0x8b]))).failure).toMatchObject({ code: 'SOURCE_CORRUPT' });
});
