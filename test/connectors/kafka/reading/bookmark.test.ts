import { expect, test } from 'vitest';
import {
  bookmarkOf,
  decodeBookmark,
  encodeBookmark,
  isSameRecord,
} from '../../../../connectors/kafka/reading/bookmark.ts';
import { log, recordAt } from '../../../support/kafka/fetched-ranges.ts';

const record = { ...recordAt(9), key: Buffer.from('k') };

test('a stored bookmark recognizes its record', () => {
  const bookmark = decodeBookmark(encodeBookmark(bookmarkOf(log, record)));
  expect(bookmark).toEqual(bookmarkOf(log, record));
  expect(isSameRecord(bookmark!, { ...record })).toBe(true);
});

// A topic that was made again often gets the same events at the same offsets; then only the time differs.
test.each([
  ['time', { timestamp: record.timestamp! + 1 }],
  ['offset', { offset: 10 }],
  ['key', { key: Buffer.from('K') }],
  ['value', { value: Buffer.from('same 8') }],
  ['border between key and value', { key: Buffer.from('ks'), value: Buffer.from('ame 9') }],
  ['missing key', { key: null }],
  ['missing value', { value: null }],
])('a record with another %s is not the bookmarked one', (_, other) => {
  expect(isSameRecord(bookmarkOf(log, record), { ...record, ...other })).toBe(false);
});
