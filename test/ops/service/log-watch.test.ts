import { describe, expect, test } from 'vitest';
import { assignedEnds } from '../../../ops/service/log-watch.ts';

const of = (partition: number) => ({ topic: 'calls', partition });
const all = [0, 1, 2].map(partition => ({ partition: of(partition), low: 0, high: 10 }));
const source = (...assigned: readonly number[]) => ({ ends: async () => all, assigned: () => assigned.map(of) });
const inGroup = { problem: null, isFixed: false };

describe('the ends that an export waits for', () => {
  test('are those of the partitions that the group assigned', async () => {
    expect(await assignedEnds(source(0, 2), inGroup)).toEqual([all[0], all[2]]);
  });

  test('are not known while the group has assigned none', async () => {
    await expect(assignedEnds(source(), inGroup)).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: 'no partition is assigned to this process yet',
    });
  });

  test('are those of a fixed list, whether the group has assigned it yet or not', async () => {
    expect(await assignedEnds(source(), { ...inGroup, isFixed: true })).toEqual(all);
  });

  test('are all of a local log', async () => {
    expect(await assignedEnds({ ...source(), assigned: () => null }, inGroup)).toEqual(all);
  });

  test('are not requested while the log is known not to answer', async () => {
    const asking = { ...source(0), ends: () => Promise.reject(new Error('asked')) };
    await expect(assignedEnds(asking, { ...inGroup, problem: 'it is away' })).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: 'it is away',
    });
  });
});
