import { expect, test } from 'vitest';
import { FairQueue } from '../../../pipeline/requests/fair-queue.ts';

test('clients are served by turns, each in its own order', () => {
  const line = new FairQueue<string>();
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) line.add(item[0]!, item);
  expect(line.length).toBe(6);
  expect(Array.from({ length: 7 }, () => line.next())).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', undefined]);
});

test('one who comes back goes to the end of the round', () => {
  const line = new FairQueue<string>();
  for (const item of ['a1', 'a2', 'b1']) line.add(item[0]!, item);
  expect(line.next()).toBe('a1');
  line.add('c', 'c1');
  expect([line.next(), line.next(), line.next()]).toEqual(['b1', 'a2', 'c1']);
});

test('what is taken out is not served, and leaves no turn behind', () => {
  const line = new FairQueue<string>();
  for (const item of ['a1', 'b1', 'b2']) line.add(item[0]!, item);
  expect([line.remove('a1'), line.remove('a1'), line.remove('b2')]).toEqual([true, false, true]);
  expect([line.length, line.next(), line.next()]).toEqual([1, 'b1', undefined]);
});
