import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { assignedEnds, LogWatch } from '../../../ops/service/log-watch.ts';

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

test('after a failed commit the stored positions are committed again', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const stop = new AbortController();
  const commit = vi.fn().mockRejectedValueOnce(new Error('the coordinator moves')).mockResolvedValue(undefined);
  const watch = new LogWatch({
    source: { ends: async () => all, assigned: () => null, commit },
    positions: () => [],
    log: { debug: () => undefined } as never,
    signal: stop.signal,
  });
  const running = watch.run();
  await vi.advanceTimersByTimeAsync(2_000);
  stop.abort();
  await running;
  expect(commit, 'one commit at each look').toHaveBeenCalledTimes(2);
});
