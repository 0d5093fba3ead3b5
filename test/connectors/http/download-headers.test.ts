import { expect, test } from 'vitest';
import { byteRange, includesTag } from '../../../connectors/http/download-headers.ts';

test.each([
  ['no header', undefined, 'all'],
  ['the first byte', 'bytes=0-0', { from: 0, to: 0 }],
  ['the last byte', 'bytes=9-9', { from: 9, to: 9 }],
  ['from a byte to the end', 'bytes=3-', { from: 3, to: 9 }],
  ['the last bytes', 'bytes=-3', { from: 7, to: 9 }],
  ['more last bytes than there are', 'bytes=-99', { from: 0, to: 9 }],
  ['after the end', 'bytes=10-', 'none'],
  ['the last zero bytes', 'bytes=-0', 'none'],
  ['an end before the start', 'bytes=5-4', 'all'],
  ['no numbers', 'bytes=-', 'all'],
  ['two ranges', 'bytes=0-1,2-3', 'all'],
  ['in another unit', 'lines=0-1', 'all'],
])('a range of ten bytes: %s', (_, header, range) => {
  expect(byteRange(header, 10)).toEqual(range);
});

test('a range of an empty content is outside of it', () => {
  expect(byteRange('bytes=0-', 0)).toBe('none');
});

test.each([
  ['the same tag', '"a"', true],
  ['the same tag, weak', 'W/"a"', true],
  ['the tag among others', '"b" , "a"', true],
  ['any tag', '*', true],
  ['another tag', '"b"', false],
  ['no header', undefined, false],
])('a header with an entity tag: %s', (_, header, included) => {
  expect(includesTag(header, '"a"')).toBe(included);
});
