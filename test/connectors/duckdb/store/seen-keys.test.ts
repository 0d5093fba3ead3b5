import { expect, test } from 'vitest';
import { SeenKeys } from '../../../../connectors/duckdb/store/seen-keys.ts';
import { rowKey } from '../../../../connectors/duckdb/vectors/row-key.ts';

const keys = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => rowKey(`${prefix}-${index}`, 0));

test('every added key is found, also after the filter has grown', () => {
  const seenKeys = new SeenKeys(0);
  const added = keys('service', 1_300_000);
  for (const key of added) seenKeys.add(key);
  expect(added.filter(key => !seenKeys.has(key))).toEqual([]);
});

test('fewer than 0.3 % of the keys that were not added are found', () => {
  const seenKeys = new SeenKeys(500_000);
  for (const key of keys('service', 1_000_000)) seenKeys.add(key);
  const mistaken = keys('other', 200_000).filter(key => seenKeys.has(key)).length;
  expect(mistaken / 200_000).toBeLessThan(0.003);
});

test('row keys of 600,000 different ids differ, and a double holds them exactly', () => {
  const all = [...keys('service', 300_000), ...Array.from({ length: 300_000 }, (_, index) => rowKey('1', index))];
  expect(new Set(all).size).toBe(all.length);
  expect(all.every(Number.isSafeInteger)).toBe(true);
});
