import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LockOwner, thisProcess } from '../../../../connectors/log-files/log/lock-owner.ts';
import { lockForWriting } from '../../../../connectors/log-files/log/writer-lock.ts';
import { recordDiskCalls } from '../../../support/disk-calls.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let here: LockOwner;
beforeEach(async () => {
  folder = await temporaryFolder();
  here = await thisProcess();
});
afterEach(() => folder.remove());

const claim = (content: unknown, number = 7) =>
  writeFile(path.join(folder.path, `lock-${number}`), typeof content === 'string' ? content : JSON.stringify(content));

describe('a lock that was left is taken over at once', () => {
  test.each([
    ['by a process that has ended', () => ({ ...here, pid: 4_194_303 })],
    ['by a process whose number another process has now', () => ({ ...here, started: '1' })],
    ['before the machine was restarted', () => ({ ...here, boot: 'another boot' })],
    ['by this container before its restart', () => ({ ...here, namespace: 'pid:[1]' })],
    ['with an incomplete claim, after a power cut', () => '{"pid":'],
    ['empty, after a release or a power cut', () => ''],
    ['with an impossible process number', () => ({ pid: -1 })],
    ['with null in it', () => 'null'],
  ])('%s', async (_, content) => {
    await claim(content());
    const lock = await lockForWriting(folder.path);
    expect(await readdir(folder.path)).toEqual(['lock-8']);
    await lock.release();
  });
});

describe('a lock that is held is refused with LOG_LOCKED', () => {
  test.each([
    ['by this process', () => here],
    ['by another process', () => ({ ...here, pid: process.ppid, started: '' })],
    ['by a process in another container', () => ({ ...here, namespace: 'pid:[1]', host: 'another-host' })],
  ])('%s', async (_, content) => {
    await claim(content());
    const message = expect.stringContaining(`process ${content().pid}`);
    await expect(lockForWriting(folder.path)).rejects.toMatchObject({ code: 'LOG_LOCKED', retry: true, message });
    expect(await readdir(folder.path)).toEqual(['lock-7']);
  });
});

test('of many that see the same dead owner one gets the lock, and another one after its release', async () => {
  await claim({ ...here, pid: 4_194_303 });
  for (let round = 0; round < 30; round += 1) {
    const tries = await Promise.allSettled(Array.from({ length: 12 }, () => lockForWriting(folder.path)));
    const won = tries.filter(({ status }) => status === 'fulfilled');
    const refused = tries.filter(({ status }) => status === 'rejected');
    expect([won.length, refused.length]).toEqual([1, 11]);
    for (const { reason } of refused as PromiseRejectedResult[]) expect(reason).toMatchObject({ code: 'LOG_LOCKED' });
    for (const { value } of won as PromiseFulfilledResult<{ release(): Promise<void> }>[]) await value.release();
  }
});

test('a process that makes a claim too late looks at the claims again and gives way to a higher one', async () => {
  await claim('');
  let isLate = false;
  await recordDiskCalls({
    // The late process has seen lock-7 and will claim lock-8. Before it does, one process takes and releases lock-8, and
    // another takes lock-9 and removes lock-8, so that the late claim succeeds.
    writeFile: async () => {
      if (isLate) return;
      isLate = true;
      await (await lockForWriting(folder.path)).release();
      await lockForWriting(folder.path);
    },
  });
  const late = lockForWriting(folder.path);
  await expect(late, 'two processes hold the lock at once').rejects.toMatchObject({ code: 'LOG_LOCKED' });
  expect(await readdir(folder.path)).toEqual(['lock-9']);
});

test('an old claim beside the newest has no effect: the newest holds the lock', async () => {
  const holder = await lockForWriting(folder.path);
  await holder.release();
  const again = await lockForWriting(folder.path);
  const [current] = await readdir(folder.path);
  expect(current).toBe('lock-2');
  await claim(here, 1);
  await expect(lockForWriting(folder.path)).rejects.toMatchObject({ code: 'LOG_LOCKED' });
  expect(JSON.parse(await readFile(path.join(folder.path, 'lock-2'), 'utf8'))).toEqual(here);
  await again.release();
});

test.runIf(process.platform === 'linux')('a process is identified by number, start, boot and namespace', async () => {
  expect(here).toMatchObject({ pid: process.pid, started: expect.stringMatching(/^[0-9]+$/) });
  expect(here.boot).toMatch(/^[0-9a-f-]{36}$/);
  expect(here.namespace).toMatch(/^pid:\[[0-9]+\]$/);
});
