import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  byteOrderMarkBytes,
  LineBlocks,
  lineEnd,
  lineValue,
  maxLineBytes,
} from '../../../../connectors/log-files/lines/lines.ts';

function split(chunks: readonly Buffer[]): { readonly blocks: readonly Buffer[]; readonly rest: Buffer } {
  const lines = new LineBlocks(() => 'a line');
  const blocks = chunks.flatMap(chunk => [...lines.push(chunk)]);
  return { blocks, rest: lines.takeRest() };
}

test.each([
  ['with LF', 'abc\n', 'abc'],
  ['with CR LF', 'abc\r\n', 'abc'],
  ['with two CR, of which the first is content', 'abc\r\r\n', 'abc\r'],
  ['without an end', 'abc', 'abc'],
  ['with white space around', ' abc\t\n', ' abc\t'],
  ['with NUL', 'a\0c\n', 'a\0c'],
  ['of NUL alone', '\0\n', '\0'],
  ['that is empty', '\n', null],
  ['of white space', ' \t\r\n', null],
  ['of no bytes', '', null],
])('the value of a line %s', (_, line, value) => {
  const bytes = Buffer.from(line);
  expect(lineValue(bytes, 0, bytes.length)?.toString() ?? null).toBe(value);
});

test('blocks are whole lines and no byte is lost, wherever the chunks are cut', () => {
  const text = fc.array(fc.constantFrom('\n', '\r\n', 'a', '{"b":1}', 'ü', '\0'), { maxLength: 40 });
  fc.assert(
    fc.property(text, fc.array(fc.nat(60), { maxLength: 8 }), (pieces, cuts) => {
      const bytes = Buffer.from(pieces.join(''));
      const borders = [0, ...cuts.map(cut => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length];
      const chunks = borders.slice(1).map((border, index) => bytes.subarray(borders[index], border));
      const { blocks, rest } = split(chunks);
      expect(Buffer.concat([...blocks, rest])).toEqual(bytes);
      expect(blocks.every(block => block.at(-1) === 0x0a)).toBe(true);
      expect(rest.includes(0x0a)).toBe(false);
    }),
  );
});

test('a line ends after its LF, or at the end of the block', () => {
  expect([lineEnd(Buffer.from('a\nb'), 0), lineEnd(Buffer.from('a\nb'), 2)]).toEqual([2, 3]);
});

test('only a complete byte-order mark is recognized', () => {
  const mark = Buffer.from([0xef, 0xbb, 0xbf]);
  expect([mark, mark.subarray(0, 2), Buffer.from('a')].map(byteOrderMarkBytes)).toEqual([3, 0, 0]);
});

test('a line may be as long as the limit; a longer line stops reading', () => {
  const piece = Buffer.alloc(1024 * 1024, 'x');
  const full = Array.from({ length: maxLineBytes / piece.length }, () => piece);
  expect(split([...full, Buffer.from('\r\n')]).blocks[0]).toHaveLength(maxLineBytes + 2);
  const refused = { code: 'SOURCE_CORRUPT', message: expect.stringContaining('a line is too long') };
  expect(() => split([...full, Buffer.from('xxx')])).toThrow(expect.objectContaining(refused));
});
