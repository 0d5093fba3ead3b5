import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ndjsonFileSource } from '../../../connectors/log-files/ndjson-file-source.ts';
import { describeEventSource } from '../../contracts/event-source.ts';
import { readLines } from '../../support/read-lines.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

for (const [name, write] of [
  ['plain', (text: string) => Buffer.from(text)],
  ['packed', (text: string) => gzipSync(text)],
  ['with CR LF, blank lines and a last line without its line end', withOddLineEnds],
] as const) {
  describeEventSource(`NDJSON file, ${name}`, {
    keeps: 'values',
    partitions: 1,
    open: async ([records = []]) => {
      const made = await temporaryFolder();
      const given = path.join(made.path, 'given.ndjson');
      await writeFile(given, write(records.map(({ value }) => `${Buffer.from(value ?? []).toString()}\n`).join('')));
      return { source: limits => ndjsonFileSource({ path: given, ...limits }), close: made.remove };
    },
  });
}

function withOddLineEnds(text: string): Buffer {
  return Buffer.from(`\ufeff\n${text.replaceAll('\n', '\r\n \n').trimEnd()}`);
}

const LIMITS = { batchRecords: 3, batchBytes: 1024 * 1024 };

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let file: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  file = path.join(folder.path, 'events.ndjson');
});
afterEach(() => folder.remove());

const sourceOf = (limits = LIMITS) => ndjsonFileSource({ path: file, ...limits });

async function readContent(content: string | Uint8Array) {
  await writeFile(file, content);
  return readLines(sourceOf());
}

describe('lines (contract 1.1)', () => {
  test.each([
    ['one record a line', '{"a":1}\n{"a":2}\n', ['0 {"a":1}', '1 {"a":2}']],
    ['CR LF', '{"a":1}\r\n{"a":2}\r\n', ['0 {"a":1}', '1 {"a":2}']],
    ['a byte-order mark', '\ufeff{"a":1}\n', ['0 {"a":1}']],
    ['a byte-order mark before a blank line', '\ufeff\n{"a":1}\n', ['1 {"a":1}']],
    [
      'a byte-order mark in a later line, which is content',
      '{"a":1}\n\ufeff{"a":2}\n',
      ['0 {"a":1}', '1 \ufeff{"a":2}'],
    ],
    [
      'blank and white-space lines, which count as lines',
      '\n \t\r\n{"a":1}\n\n\n{"a":2}\n\n',
      ['2 {"a":1}', '5 {"a":2}'],
    ],
    ['NUL', '\0\n{"a":"\0"}\n', ['0 \0', '1 {"a":"\0"}']],
    ['lines that are no JSON, which the decoder refuses later', 'x\n}{\n', ['0 x', '1 }{']],
    ['a complete last line without LF', '{"a":1}\n{"a":2}', ['0 {"a":1}', '1 {"a":2}']],
    ['a complete last line with CR but without LF', '{"a":1}\n{"a":2}\r', ['0 {"a":1}', '1 {"a":2}']],
    ['a byte-order mark before a single line without LF', '\ufeff{"a":1}', ['0 {"a":1}']],
    ['an incomplete last line', '{"a":1}\n{"a":', ['0 {"a":1}']],
    ['a last line that is no UTF-8', Buffer.from('7b7d0a22ff22', 'hex'), ['0 {}']],
    ['an empty file', '', []],
    ['only a byte-order mark', '\ufeff', []],
    ['only white space', ' \n\n ', []],
  ])('%s', async (_, content, lines) => {
    const { failure, ...outcome } = await readContent(content);
    expect([failure, outcome.lines]).toEqual([null, lines]);
  });

  test('records have no key, no time and no headers', async () => {
    const { batches } = await readContent('{}\n');
    expect(batches[0]?.records).toEqual([
      { offset: 0, timestamp: null, key: null, value: Buffer.from('{}'), headers: [] },
    ]);
    expect(batches[0]).toMatchObject({ origin: file, partition: { partition: 0 }, next: { nextOffset: 1 } });
  });

  test.each([1, 60, 64])('a line of %i MiB is read', async mebibytes => {
    const long = Buffer.alloc(mebibytes * 1024 * 1024, 'x');
    const { batches, failure } = await readContent(Buffer.concat([Buffer.from('{}\n'), long, Buffer.from('\n{}\n')]));
    const records = batches.flatMap(batch => [...batch.records]);
    expect([failure, records.map(({ value }) => value?.length)]).toEqual([null, [2, long.length, 2]]);
  });

  test('a line over 64 MiB stops reading after the lines before it; the error has its number', async () => {
    const long = Buffer.alloc(64 * 1024 * 1024 + 3, 'x');
    const { lines, failure } = await readContent(Buffer.concat([Buffer.from('{}\n\n'), long, Buffer.from('\n{}\n')]));
    expect(lines).toEqual(['0 {}']);
    expect(failure).toMatchObject({ code: 'SOURCE_CORRUPT', message: expect.stringContaining(`line 3 of ${file}`) });
  });
});

describe('batches', () => {
  const twelve = Array.from({ length: 12 }, (_, index) => `{"line":${String(index).padStart(2, '0')}}\n`).join('');

  test.each([
    ['by records', { batchRecords: 5, batchBytes: 1024 }, [5, 5, 2]],
    ['by bytes, line ends included', { batchRecords: 100, batchBytes: 12 * 5 }, [5, 5, 2]],
    ['by bytes, which a single record may exceed', { batchRecords: 100, batchBytes: 1 }, Array(12).fill(1)],
  ])('are cut %s', async (_, limits, sizes) => {
    await writeFile(file, twelve);
    const { batches } = await readLines(sourceOf(limits));
    expect(batches.map(({ records }) => records.length)).toEqual(sizes);
  });

  test.each([
    ['plain', twelve],
    ['packed', gzipSync(twelve)],
  ])('of a %s file report as many bytes read as the file has', async (_, content) => {
    const { batches } = await readContent(content);
    const read = batches.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
    expect(read).toBe(content.length);
    expect(await sourceOf().totalBytes()).toBe(content.length);
  });

  test('end before the next one when the signal aborts', async () => {
    await writeFile(file, twelve);
    const aborting = new AbortController();
    const sizes: number[] = [];
    for await (const { records } of sourceOf().read([], aborting.signal)) {
      sizes.push(records.length);
      if (sizes.length === 2) aborting.abort();
    }
    expect(sizes).toEqual([3, 3]);
  });

  test('are not read when the signal was aborted before', async () => {
    const batches: unknown[] = [];
    for await (const batch of sourceOf().read([], AbortSignal.abort())) batches.push(batch);
    expect(batches).toEqual([]);
  });
});

describe('an incomplete last line', () => {
  test('is reported with its number and length, and read once it is complete (contract 1.1)', async () => {
    await writeFile(file, '{"a":1}\n\n{"a":');
    const source = sourceOf();
    expect(source.unterminated()).toBe(null);
    const { stored } = await readLines(source);
    expect(source.unterminated()).toEqual({ path: file, bytes: 5, offset: 2 });
    expect(await source.totalBytes(), 'its bytes count').toBe(14);
    await writeFile(file, '{"a":1}\n\n{"a":2}\n');
    expect((await readLines(source, stored)).lines).toEqual(['2 {"a":2}']);
    expect(source.unterminated()).toBe(null);
  });

  test('of white space is not reported', async () => {
    await writeFile(file, '{"a":1}\n   ');
    const source = sourceOf();
    await readLines(source);
    expect(source.unterminated()).toBe(null);
  });
});

describe('a path that cannot be read', () => {
  const missing = { code: 'SOURCE_MISSING', message: expect.stringContaining('events.ndjson') };

  test('where nothing is', async () => {
    expect((await readLines(sourceOf())).failure).toMatchObject(missing);
    await expect(sourceOf().totalBytes()).rejects.toMatchObject(missing);
  });

  test('of a folder', async () => {
    await mkdir(file);
    expect((await readLines(sourceOf())).failure).toMatchObject(missing);
  });

  test('through a file', async () => {
    await writeFile(file, '');
    const { failure } = await readLines(ndjsonFileSource({ path: path.join(file, 'x'), ...LIMITS }));
    expect(failure).toMatchObject(missing);
  });

  test('of a link to itself', async () => {
    await symlink(file, file);
    expect((await readLines(sourceOf())).failure).toMatchObject(missing);
  });

  test('of a device is refused, and the message says how to read a pipe', async () => {
    const { failure } = await readLines(ndjsonFileSource({ path: '/dev/null', ...LIMITS }));
    expect(failure).toMatchObject({ code: 'SOURCE_MISSING', message: expect.stringContaining('standard input') });
  });

  test('of a file that is removed while it is read yields the content it had', async () => {
    await writeFile(file, '{"a":1}\n{"a":2}\n{"a":3}\n{"a":4}\n');
    const offsets: number[] = [];
    for await (const { records } of sourceOf({ batchRecords: 1, batchBytes: 1024 }).read(
      [],
      new AbortController().signal,
    )) {
      await rm(file, { force: true });
      offsets.push(...Array.from(records, ({ offset }) => offset));
    }
    expect(offsets).toEqual([0, 1, 2, 3]);
  });
});
