import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BLOCK_BYTES, BlockCutter } from '../../../connectors/export-directory/block-cutter.ts';
import { createPacker } from '../../../connectors/export-directory/create-packer.ts';
import type { Compression } from '../../../pipeline/export/selection.ts';
import { runChild } from '../../support/child-program.ts';
import { csvText } from '../../support/csv-text.ts';
import { COMPRESSIONS, packToDisk, unpack } from '../../support/packed-files.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let root: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  root = await temporaryFolder();
});
afterEach(() => root.remove());

/** Random or repetitive bytes, and the positions where they are cut. */
const cutContent = fc.record({
  content: fc.oneof(
    fc.uint8Array({ maxLength: 5_000 }),
    fc.array(fc.constantFrom('S1,', 'Fancy resort Paris,', '2014-09-02\n'), { maxLength: 3_000 }).map(encode),
  ),
  cuts: fc.array(fc.nat({ max: 5_000 }), { maxLength: 12 }),
});

function encode(words: readonly string[]): Uint8Array {
  return Buffer.from(words.join(''));
}

function cutAt(content: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const borders = [0, ...cuts.filter(cut => cut <= content.length).toSorted((a, b) => a - b), content.length];
  return borders.slice(1).map((border, index) => content.subarray(borders[index], border));
}

test.each(COMPRESSIONS)(
  '%s: any bytes in small blocks unpack to themselves, and the packed bytes do not depend on how they were written',
  async kind => {
    const property = fc.asyncProperty(cutContent, fc.integer({ min: 1, max: 3_000 }), async (given, blockBytes) => {
      const whole = await packInMemory(kind, [given.content], blockBytes);
      const pieces = await packInMemory(kind, cutAt(given.content, given.cuts), blockBytes);
      expect(pieces.equals(whole)).toBe(true);
      expect(Buffer.from(unpack[kind](whole)).equals(given.content)).toBe(true);
    });
    await fc.assert(property, { numRuns: 60 });
  },
);

async function packInMemory(kind: Compression, chunks: readonly Uint8Array[], blockBytes: number): Promise<Buffer> {
  const packed: Buffer[] = [];
  const packer = createPacker(kind, 'x_1.csv', async bytes => void packed.push(Buffer.from(bytes)));
  const blocks = new BlockCutter(blockBytes);
  for (const chunk of chunks) {
    for (const block of blocks.cut(chunk)) await packer.take(block);
  }
  await packer.end(blocks.rest());
  return Buffer.concat(packed);
}

test.each(COMPRESSIONS)(
  '%s: blocks of the real size give the same bytes however they are written, and the caller may reuse its buffer',
  async kind => {
    const content = csvText(2 * BLOCK_BYTES + 999);
    const property = fc.asyncProperty(fc.array(fc.nat({ max: content.length }), { maxLength: 40 }), async cuts => {
      const whole = await packToDisk(root.path, kind, [content]);
      const pieces = await packToDisk(root.path, kind, throughOneBuffer(cutAt(content, cuts)));
      expect(pieces.facts).toEqual(whole.facts);
    });
    await fc.assert(property, { numRuns: 4 });
  },
);

/** Yields every piece in the same memory, as a caller with one buffer does. */
function* throughOneBuffer(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  const buffer = Buffer.alloc(Math.max(...pieces.map(piece => piece.length)));
  for (const piece of pieces) {
    buffer.fill(0xff).set(piece);
    yield buffer.subarray(0, piece.length);
  }
}

test('the packed bytes are the same in every time zone (contract 4.6)', async () => {
  const printed: string[] = [];
  for (const TZ of ['UTC', 'Asia/Tokyo', 'America/St_Johns', 'Pacific/Kiritimati']) {
    const end = await runChild({ program: 'pack-once', args: [root.path], env: { TZ } });
    expect(end.code, end.stderr).toBe(0);
    printed.push(end.stdout);
  }
  expect(new Set(printed).size).toBe(1);
});

// contract 4.6
test('the gzip header holds no time, no name and no system; the zip entry has the fixed date and mode', async () => {
  const gzip = await packInMemory('gzip', [Buffer.from('x')], 10);
  expect(gzip.subarray(0, 10).toString('hex')).toBe('1f8b08000000000000ff');
  const zip = await packInMemory('zip', [Buffer.from('x')], 10);
  const entry = zip.indexOf('PK\u0001\u0002');
  expect(zip.readUInt32LE(entry + 12), 'DOS time 00:00 and date 1980-01-01').toBe(0x0021_0000);
  expect(zip.readUInt32LE(entry + 38) >>> 16, 'a plain file, rw-r--r--').toBe(0o100644);
});
