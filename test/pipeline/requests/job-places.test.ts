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
