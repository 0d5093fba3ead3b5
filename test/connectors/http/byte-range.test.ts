import { expect, test } from 'vitest';
import { byteRange, namesTag } from '../../../connectors/http/byte-range.ts';

test.each([
  ['none is asked for', undefined, 'all'],
  ['the first byte', 'bytes=0-0', { from: 0, to: 0 }],
  ['the last byte', 'bytes=9-9', { from: 9, to: 9 }],
  ['from a byte on', 'bytes=3-', { from: 3, to: 9 }],
  ['the last bytes', 'bytes=-3', { from: 7, to: 9 }],
  ['more of the last bytes than there are', 'bytes=-99', { from: 0, to: 9 }],
  ['beyond the end', 'bytes=10-', 'none'],
  ['the last none', 'bytes=-0', 'none'],
  ['backwards', 'bytes=5-4', 'all'],
  ['nothing', 'bytes=-', 'all'],
  ['two', 'bytes=0-1,2-3', 'all'],
  ['in another unit', 'lines=0-1', 'all'],
])('of ten bytes: %s', (_, header, range) => {
  expect(byteRange(header, 10)).toEqual(range);
});

test('an empty content has no bytes to ask for', () => {
  expect(byteRange('bytes=0-', 0)).toBe('none');
});

test.each([
  ['the same', '"a"', true],
  ['weakly the same', 'W/"a"', true],
  ['among others', '"b" , "a"', true],
  ['any', '*', true],
  ['another', '"b"', false],
  ['none', undefined, false],
])('a tag: %s', (_, header, named) => {
  expect(namesTag(header, '"a"')).toBe(named);
});
