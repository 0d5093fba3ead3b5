import { expect, test } from 'vitest';
import { newReplayFileName } from '../../../ops/replay/replay-folder.ts';

test('the database of a replay has a readable name that no other replay has, even one with the same id', () => {
  const names = Array.from({ length: 100 }, () => newReplayFileName('March 2026/Köln'));
  expect(new Set(names).size).toBe(100);
  for (const name of names) expect(name).toMatch(/^March-2026-K-ln-[0-9a-f]{16}\.duckdb$/);
  expect(newReplayFileName('../..')).toMatch(/^replay-[0-9a-f]{16}\.duckdb$/);
  expect(newReplayFileName('x'.repeat(200))).toHaveLength(40 + '-.duckdb'.length + 16);
});
