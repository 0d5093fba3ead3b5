import { expect, test, vi } from 'vitest';
import { withoutLog } from '../../../pipeline/export/log-wait.ts';
import { type ServiceOptions, settled } from '../../support/memory-service.ts';
import { opened } from '../../support/opened-jobs.ts';

test('a job that waits for the log holds no place, and has one again before those that never had one', async () => {
  let endWait = (): void => undefined;
  const waits = new Promise<void>(resolve => {
    endWait = resolve;
  });
  const wait: ServiceOptions['wait'] = async record => {
    if (record.requestId === 'waiting') await waits;
    return withoutLog.wait();
  };
  const { jobs, submit, snapshots } = await opened({ atOnce: 1, wait });
  await submit('waiting');
  await submit('two');
  await submit('three');
  await vi.waitFor(() => expect(snapshots.held).toBe(1));
  expect([jobs.running, jobs.waiting]).toEqual([1, 2]);
  endWait();
  await settled();
  expect(snapshots.held, 'its place is taken').toBe(1);
  snapshots.go();
  await jobs.ended('two');
  await vi.waitFor(() => expect(snapshots.held).toBe(1));
  snapshots.go();
  expect(await jobs.ended('waiting')).toMatchObject({ state: 'completed' });
  await vi.waitFor(() => expect(snapshots.held).toBe(1));
  snapshots.go();
  expect(await jobs.ended('three')).toMatchObject({ state: 'completed' });
  expect([jobs.running, jobs.waiting]).toEqual([0, 0]);
});

test('a job that is cancelled while it waits for a place again ends, and takes none', async () => {
  const wait: ServiceOptions['wait'] = async record => {
    if (record.requestId === 'waiting') await vi.waitFor(() => expect(snapshots.held).toBe(1));
    return withoutLog.wait();
  };
  const { jobs, submit, snapshots } = await opened({ atOnce: 1, wait });
  await submit('waiting');
  await submit('two');
  await vi.waitFor(() => expect(snapshots.held).toBe(1));
  await vi.waitFor(() => expect(jobs.waiting).toBe(1));
  expect(await jobs.cancel('waiting', 'anna')).toMatchObject({ state: 'cancelled' });
  snapshots.go();
  expect(await jobs.ended('two')).toMatchObject({ state: 'completed' });
  expect([jobs.running, jobs.waiting]).toEqual([0, 0]);
});

test('jobs that wait for the log count for the queue, and none is announced as running without a place', async () => {
  const wait: ServiceOptions['wait'] = (_, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const { jobs, submit } = await opened({ atOnce: 1, maxQueued: 2, wait });
  expect((await submit('one')).record.state).toBe('running');
  await vi.waitFor(() => expect([jobs.running, jobs.waiting]).toEqual([0, 1]));
  expect((await submit('two')).record.state, 'the first may want its place again').toBe('accepted');
  await submit('three');
  await expect(submit('four')).rejects.toMatchObject({ code: 'QUEUE_FULL' });
  let hasRoom = false;
  void jobs.room().then(() => {
    hasRoom = true;
  });
  await jobs.cancel('one', 'anna');
  await settled();
  expect(hasRoom).toBe(true);
});
