import { expect, test } from 'vitest';
import { SeenKeys } from '../../../../connectors/duckdb/store/seen-keys.ts';
import { rowKey } from '../../../../connectors/duckdb/vectors/row-key.ts';

const keys = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => rowKey(`${prefix}-${index}`, 0));

test('never forgets a key, also after it has grown', () => {
  const membership = new SeenKeys(0);
  const added = keys('service', 1_300_000);
  for (const key of added) membership.add(key);
  expect(added.filter(key => !membership.has(key))).toEqual([]);
});

test('takes few strangers for known ones', () => {
  const membership = new SeenKeys(500_000);
  for (const key of keys('service', 1_000_000)) membership.add(key);
  const mistaken = keys('stranger', 200_000).filter(key => membership.has(key)).length;
  expect(mistaken / 200_000).toBeLessThan(0.003);
});

test('row keys of different ids differ, and fit into a double', () => {
  const all = [...keys('service', 300_000), ...Array.from({ length: 300_000 }, (_, index) => rowKey('1', index))];
  expect(new Set(all).size).toBe(all.length);
  expect(all.every(Number.isSafeInteger)).toBe(true);
});
