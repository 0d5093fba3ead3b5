import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ndjsonFileSource } from '../../../connectors/log-files/ndjson-file-source.ts';
import type { RecordBatch, StoredPosition } from '../../../pipeline/ports.ts';
import { readLines } from '../../support/read-lines.ts';
import { positionsAfter } from '../../support/reading.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const LIMITS = { batchRecords: 4, batchBytes: 1024 * 1024 };
const ten = Array.from({ length: 10 }, (_, index) => `{"line":${index}}\n`).join('');
/** More than three times as long as the head that identifies a file. */
const large = Array.from({ length: 2_000 }, (_, index) => `{"line":${index},"x":"${'x'.repeat(100)}"}\n`).join('');

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

async function readAs(
  name: string,
  content: string | Uint8Array,
  stored: readonly StoredPosition[] = [],
  limits = LIMITS,
) {
  const file = path.join(folder.path, name);
  await writeFile(file, content);
  return readLines(ndjsonFileSource({ path: file, ...limits }), stored);
}

const topics = (stored: readonly StoredPosition[]) => stored.map(({ partition }) => partition.topic);
const changed = (...words: string[]) => ({
  code: 'SOURCE_CHANGED',
  message: expect.stringMatching(new RegExp(words.join('.*'))),
});

describe.each([
  ['small', ten],
  ['large', large],
])('a %s file that was consumed', (_, content) => {
  test('yields nothing when it is read again (contract 2.12)', async () => {
    const { stored } = await readAs('a', content);
    expect(await readAs('a', content, stored)).toEqual({ batches: [], lines: [], stored, failure: null });
  });

  test('yields nothing when it was renamed (contract 2.12)', async () => {
    const { stored } = await readAs('a', content);
    await rename(path.join(folder.path, 'a'), path.join(folder.path, 'b'));
    const again = await readLines(ndjsonFileSource({ path: path.join(folder.path, 'b'), ...LIMITS }), stored);
    expect([again.batches, again.failure]).toEqual([[], null]);
  });

  test('yields nothing when it was packed or unpacked (contract 2.12)', async () => {
    const plain = await readAs('a', content);
    expect((await readAs('a.gz', gzipSync(content), plain.stored)).batches).toEqual([]);
    const packed = await readAs('b.gz', gzipSync(content));
    expect((await readAs('b', content, packed.stored)).batches).toEqual([]);
  });

  test('yields its new lines when it has grown, packed or not (contract 2.12)', async () => {
    const { stored, lines } = await readAs('a', content);
    for (const grown of [`${content}{"new":1}\n`, gzipSync(`${content}{"new":1}\n`)]) {
      const tail = await readAs('a', grown, stored);
      expect([tail.failure, tail.lines]).toEqual([null, [`${lines.length} {"new":1}`]]);
      expect(topics(tail.stored)).toEqual(topics(stored));
    }
  });

  // contract 2.13
  test.each([0.1, 0.5, 0.9])(
    'is refused when a word at %d of its length has changed, also when it has grown or was packed',
    async share => {
      const { stored } = await readAs('a', content);
      const bytes = Buffer.from(content);
      const at = bytes.indexOf('line', Math.floor(bytes.length * share));
      bytes.write('LINE', at);
      for (const rewritten of [bytes, Buffer.concat([bytes, Buffer.from('{"new":1}\n')]), gzipSync(bytes)]) {
        const outcome = await readAs('b', rewritten, stored);
        expect([outcome.failure, outcome.batches]).toEqual([
          expect.objectContaining(changed('b has changed', `${bytes.length} bytes`, 'restore')),
          [],
        ]);
      }
    },
  );

  test('is refused when a line was inserted', async () => {
    const { stored } = await readAs('a', content);
    const at = content.indexOf('\n') + 1;
    const { failure } = await readAs('a', `${content.slice(0, at)}{"new":1}\n${content.slice(at)}`, stored);
    expect(failure).toMatchObject(changed('a has changed'));
  });

  test.each([0.15, 0.5, 0.99])('is refused when it was cut to %d of its length', async share => {
    const { stored } = await readAs('a', content);
    const { failure, batches } = await readAs('a', content.slice(0, Math.floor(content.length * share)), stored);
    expect([failure, batches]).toEqual([expect.objectContaining(changed('a has changed')), []]);
  });
});

describe('another file', () => {
  test('that begins with another record is another partition', async () => {
    const { stored } = await readAs('a', ten);
    const other = await readAs('b', `{"other":1}\n${ten}`, stored);
    expect(other.lines).toHaveLength(11);
    expect(new Set(topics(other.stored)).size).toBe(2);
    expect((await readAs('a', ten, other.stored)).batches).toEqual([]);
    expect((await readAs('b', `{"other":1}\n${ten}`, other.stored)).batches).toEqual([]);
  });

  const words =
    /^(\S+)b has changed: it is taken for \1a, of which .*; if it is that file, restore it as it was .*; if it is another file that begins alike, put an empty line before its first line$/;
  /** A consumed file, another one, and the difference that is found. */
  const alike: readonly (readonly [string, string, string, string])[] = [
    ['with the same record', ten, `{"line":0}\n{"other":1}\n`, 'not with the same 110 bytes'],
    ['with the same 64 KiB', large, `${large.slice(0, 100_000)}{"other":1}\n${large}`, 'not the same any more'],
    ['with the same 64 KiB, and is shorter', large, `${large.slice(0, 100_000)}"}\n`, 'bytes shorter than that'],
    [
      'with all of it, and goes on in its last line',
      '{"line":0}\n12',
      '{"line":0}\n123\n',
      'its last line, which had no line end, is longer',
    ],
  ];
  test.each(alike)(
    'that begins %s: the message has the path it is taken for and the way out, which works (contract 2.13)',
    async (_, consumed, other, difference) => {
      const { stored } = await readAs('a', consumed);
      const { failure } = await readAs('b', other, stored);
      expect(failure).toMatchObject(changed(difference));
      expect((failure as Error).message).toMatch(words);
      const apart = await readAs('b', `\n${other}`, stored);
      expect([apart.failure, apart.lines.length]).toEqual([null, other.trim().split('\n').length]);
    },
  );

  test('with fewer lines than were consumed of a file whose bytes are not known', async () => {
    const { stored } = await readAs('a', ten);
    const bare = stored.map(position => ({ ...position, nextOffset: 11, bookmark: null }));
    expect(((await readAs('b', ten, bare)).failure as Error).message).toMatch(words);
  });

  test('that is empty yields nothing, whatever was consumed before', async () => {
    const { stored } = await readAs('a', ten);
    expect(await readAs('a', '', stored)).toEqual({ batches: [], lines: [], stored, failure: null });
  });

  test('that two stored positions fit continues at the higher one', async () => {
    const short = await readAs('a', '{"line":0}\n');
    const long = await readAs('a', ten);
    const { lines } = await readAs('a', `${ten}{"new":1}\n`, [...short.stored, ...long.stored]);
    expect(lines).toEqual(['10 {"new":1}']);
  });
});

describe('a last line that was consumed without its line end', () => {
  test.each([
    ['LF', '\n', []],
    ['CR LF', '\r\n', []],
    ['CR without its LF yet', '\r', []],
    ['nothing', '', []],
    ['LF and a line', '\n{"new":1}\n', ['2 {"new":1}']],
    ['CR LF, a blank line and a line', '\r\n\n{"new":1}\n', ['3 {"new":1}']],
    ['LF and a complete last line without LF', '\n{"new":1}', ['2 {"new":1}']],
  ])('may be followed by %s', async (_, more, lines) => {
    const { stored } = await readAs('a', '{"a":1}\n{"a":2}');
    const grown = await readAs('a', `{"a":1}\n{"a":2}${more}`, stored);
    expect([grown.failure, grown.lines]).toEqual([null, lines]);
    const again = await readAs('a', `{"a":1}\n{"a":2}${more}`, grown.stored);
    expect([again.failure, again.lines]).toEqual([null, []]);
  });

  test.each(['3', '3\n', ' \n', '\r3\n', ' '])('is refused when %j follows', async more => {
    const { stored } = await readAs('a', '{"a":1}\n12');
    const { failure, batches } = await readAs('a', `{"a":1}\n12${more}`, stored);
    expect([failure, batches]).toEqual([expect.objectContaining(changed('last line')), []]);
  });
});

describe('a position without a usable bookmark', () => {
  const bare = (stored: readonly StoredPosition[], nextOffset: number) =>
    stored.map(position => ({ ...position, nextOffset, bookmark: null }));

  test.each([0, 3, 10])('at offset %i is found by counting lines', async nextOffset => {
    const { stored, lines } = await readAs('a', ten);
    const rest = await readAs('a', ten, bare(stored, nextOffset));
    expect([rest.failure, rest.lines]).toEqual([null, lines.slice(nextOffset)]);
    if (nextOffset < 10) expect(topics(rest.stored)).toEqual(topics(stored));
  });

  test('after the end is refused', async () => {
    const { stored } = await readAs('a', ten);
    expect((await readAs('a', ten, bare(stored, 11))).failure).toMatchObject(changed('11 lines', '10 lines'));
  });

  test('with the bookmark of another offset is found by counting lines', async () => {
    const { stored, lines } = await readAs('a', ten);
    const moved = stored.map(position => ({ ...position, nextOffset: 6 }));
    expect((await readAs('a', ten, moved)).lines).toEqual(lines.slice(6));
  });
});

test('a file has the same topic in every database, wherever its batches are cut', async () => {
  const one = await readAs('a', large, [], { batchRecords: 1_000, batchBytes: 1 << 20 });
  const other = await readAs('b', gzipSync(large), [], { batchRecords: 1, batchBytes: 1 << 20 });
  expect(topics(one.stored)).toEqual(topics(other.stored));
});

const line = fc.constantFrom('{"a":1}', '{"b":"ü"}', '12', '', ' ', 'no JSON', '{"c":"\0"}', '\ufeff{"d":1}');
const ending = fc.constantFrom('\n', '\r\n');

/** One run: how far the file had grown, and how many batches were stored before the process died. */
const reading = fc.record({ cut: fc.nat(150), stored: fc.constantFrom(0, 1, 2, 99), packed: fc.boolean() });

test('a file that is read while it grows yields the same as when it is read at once, wherever it was cut and each run stopped', async () => {
  const content = fc.array(fc.tuple(line, ending), { minLength: 1, maxLength: 12 });
  const batchRecords = fc.integer({ min: 1, max: 5 });
  await fc.assert(
    fc.asyncProperty(content, fc.array(reading, { maxLength: 5 }), batchRecords, async (pieces, readings, records) => {
      const bytes = Buffer.from(pieces.flat().join(''));
      const limits = { batchRecords: records, batchBytes: 60 };
      const whole = await readAs('whole', bytes, [], limits);
      const grown = readings.toSorted((a, b) => a.cut - b.cut);
      let batches: readonly RecordBatch[] = [];
      for (const { cut, stored, packed } of [...grown, { cut: bytes.length, stored: Infinity, packed: false }]) {
        const held = bytes.subarray(0, cut);
        const outcome = await readAs('growing', packed ? gzipSync(held) : held, positionsAfter(batches), limits);
        // `12` cut to `1` is a complete JSON text, so the longer line is rightly refused. Nothing more can be read then.
        if (outcome.failure !== null) {
          expect(outcome.failure).toMatchObject(changed('last line'));
          return;
        }
        batches = [...batches, ...outcome.batches.slice(0, stored)];
      }
      const lines = batches.flatMap(batch => Array.from(batch.records, ({ offset, value }) => `${offset} ${value}`));
      expect(lines).toEqual(whole.lines);
      expect(new Set(batches.map(({ partition }) => partition.topic)).size).toBeLessThanOrEqual(1);
    }),
    { numRuns: 300 },
  );
});
