import { expect, test } from 'vitest';
import { FairQueue } from '../../../pipeline/requests/fair-queue.ts';

test('clients take turns, and each client’s items keep their order', () => {
  const line = new FairQueue<string>();
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) line.add(item[0]!, item);
  expect(line.length).toBe(6);
  expect(Array.from({ length: 7 }, () => line.next())).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', undefined]);
});

test('a client with a new item comes after the clients that wait', () => {
  const line = new FairQueue<string>();
  for (const item of ['a1', 'a2', 'b1']) line.add(item[0]!, item);
  expect(line.next()).toBe('a1');
  line.add('c', 'c1');
  expect([line.next(), line.next(), line.next()]).toEqual(['b1', 'a2', 'c1']);
});

test('a removed item is not served, and a client without items gets no turn', () => {
  const line = new FairQueue<string>();
  for (const item of ['a1', 'b1', 'b2']) line.add(item[0]!, item);
  expect([line.remove('a1'), line.remove('a1'), line.remove('b2')]).toEqual([true, false, true]);
  expect([line.length, line.next(), line.next()]).toEqual([1, 'b1', undefined]);
});
