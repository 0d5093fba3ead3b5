import { EventEmitter } from 'node:events';
import { expect, test, vi } from 'vitest';
import { replaysInProcesses } from '../../../ops/replay/child-process.ts';
import { readConfig } from '../../../ops/settings/config.ts';
import type { ReplayRecord } from '../../../pipeline/requests/replay-request.ts';

const fork = vi.hoisted(() => vi.fn());
vi.mock('node:child_process', () => ({ fork }));

/** Runs a replay whose process the system does not start, and returns how it fails. */
function failureOfRun() {
  const { config } = readConfig({ file: null, environment: {}, flags: {} });
  const ignore = () => undefined;
  const log = { debug: ignore, info: ignore, warn: ignore, error: ignore };
  const plan = { from: 'beginning', until: 'now', allowGaps: false, paths: [], file: 'march.duckdb' };
  const run = replaysInProcesses({ config, log, pathOf: file => `/srv/replays/${file}` });
  const running = { signal: new AbortController().signal, onProgress: ignore };
  return run({ requestId: 'march', plan } as unknown as ReplayRecord, running);
}

const spawnError = (code: string, errno: number) =>
  Object.assign(new Error(`spawn /opt/node ${code}`), { code, errno });

test('a replay fails when there are no descriptors for its process, and the service goes on', async () => {
  fork.mockImplementation(() => {
    // As Node leaves it: without an id, a channel or standard error.
    const child = new EventEmitter();
    process.nextTick(() => child.emit('error', spawnError('EMFILE', -24)));
    return child;
  });
  await expect(failureOfRun()).rejects.toMatchObject({
    code: 'REPLAY_FAILED',
    message: 'the process of the replay could not be started: too many open files (EMFILE)',
  });
});

test('a replay fails when the system refuses its process at once', async () => {
  fork.mockImplementation(() => {
    throw spawnError('EPERM', -1);
  });
  await expect(failureOfRun()).rejects.toMatchObject({
    code: 'REPLAY_FAILED',
    message: 'the process of the replay could not be started: operation not permitted (EPERM)',
  });
});
