import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { waitFor } from '../../ops/local-kafka/waiting.ts';
import { recoverExports, runExport } from '../../pipeline/export/export.ts';
import { releaseEnded } from '../../pipeline/requests/accept.ts';
import { acceptAs } from '../support/accepting.ts';
import { openExporting } from '../support/exporting.ts';
import { RunningService } from '../support/running-service.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tidemarkDone } from '../support/tidemark.ts';

const window = { time_from: '2010-08-05T00:00:00Z', time_to: '2010-08-06T00:00:00Z' };
let folder: string;
let root: string;
beforeEach(async () => {
  const made = await temporaryFolder();
  onTestFinished(made.remove);
  folder = made.path;
  root = path.join(folder, 'out');
});
const away = () => path.join(folder, 'away');
const visible = async () => (await readdir(root)).filter(name => !name.startsWith('.'));

// contract 4.35
test('a service whose export root is replaced refuses exports with 503, is not ready, and is well again when it is back', async () => {
  const log = path.join(folder, 'log');
  await tidemarkDone(['demo', '--json'], { cwd: folder });
  await rename(path.join(folder, 'tidemark-demo/log'), log);
  const service = new RunningService([
    '--db',
    path.join(folder, 'x.duckdb'),
    '--export-root',
    root,
    '--log-folder',
    log,
  ]);
  const url = await service.url();
  const ask = (prefix: string) => {
    const query = new URLSearchParams({ ...window, file_prefix: prefix, wait: 'none' });
    return fetch(`${url}/genesys/1/cs/maintenance/services/files?${query}`, { method: 'POST' });
  };
  const readiness = async () => (await fetch(`${url}/readyz`)).json() as Promise<{ ready: boolean; reasons: string[] }>;
  const isReady = async () => ((await readiness()).ready ? true : null);
  await waitFor('the first readiness', isReady);
  expect((await ask('before_')).status).toBe(200);
  const files = await readdir(root);

  await rename(root, away());
  await mkdir(root);
  const refused = await ask('meanwhile_');
  expect([refused.status, await refused.json()]).toEqual([
    503,
    {
      message: 'the folder of the exports is not there at the moment; send the request again later',
      exception: 'EXPORT_ROOT_GONE',
      code: 503,
    },
  ]);
  const unready = await waitFor('the service to be unready', async () => {
    const answer = await readiness();
    return answer.ready ? null : answer;
  });
  expect(unready.reasons).toEqual(['exports cannot be written at the moment']);
  const { not_ready } = (await (await fetch(`${url}/status`)).json()) as { not_ready: string[] };
  expect(not_ready).toEqual([expect.stringContaining(`${root} was replaced by another folder`)]);
  const [known] = (await (await fetch(`${url}/exports`)).json()) as { request_id: string; files: { name: string }[] }[];
  const download = await fetch(`${url}/exports/${known!.request_id}/files/${known!.files[0]!.name}`);
  expect(download.status, 'a file that is away is not gone for good').toBe(503);
  expect(await readdir(root), 'nothing was written into the other folder').toEqual([]);

  await rm(root, { recursive: true });
  await rename(away(), root);
  await waitFor('the service to be ready', isReady);
  expect((await ask('after_')).status).toBe(200);
  expect(await readdir(root)).toEqual(expect.arrayContaining(files));
  expect((await visible()).length).toBe(2 * files.length);
  const problem = await service.line(({ code, msg }) => code === 'EXPORT_ROOT_GONE' && msg.includes(root));
  expect(problem).toMatchObject({ level: 'error' });
  await service.line(({ msg }) => msg === 'the export root can be written again');
  expect(await service.stop()).toMatchObject({ code: 0 });
});

test('an export that writes while the root goes fails, and what it left is removed when the root is back (contract 4.35)', async () => {
  const { parts } = await openExporting({ db: path.join(folder, 'x.duckdb'), root });
  const record = await acceptAs({ ...window, file_prefix: 'new/x_' }, 'one', parts);
  const leaving = {
    ...parts,
    snapshots: {
      async snapshot(...of: Parameters<typeof parts.snapshots.snapshot>) {
        const snapshot = await parts.snapshots.snapshot(...of);
        const write: typeof snapshot.write = async (...to) => {
          if (to[0] === 'states') await rename(root, away()).then(() => mkdir(root));
          return snapshot.write(...to);
        };
        return Object.assign(Object.create(snapshot), { write, close: () => snapshot.close(), interrupt: () => {} });
      },
    },
  };
  await expect(runExport(record, leaving)).rejects.toMatchObject({ code: 'EXPORT_ROOT_GONE' });
  expect(await parts.store.find('one')).toMatchObject({ state: 'failed', error: { code: 'EXPORT_ROOT_GONE' } });
  expect(await readdir(root)).toEqual([]);
  expect(await readdir(away()), 'its reservation and its folder').toHaveLength(2);
  await rm(root, { recursive: true });
  await rename(away(), root);
  await releaseEnded(parts);
  expect(await readdir(root)).toEqual([]);
});

test('an export whose files are whole waits for the root, and then completes (contract 4.35)', async () => {
  const { parts } = await openExporting({ db: path.join(folder, 'x.duckdb'), root });
  const record = await acceptAs({ ...window, file_prefix: 'x_' }, 'one', parts);
  const { directory, store } = parts;
  let refusals = 0;
  const leaving = Object.assign(Object.create(directory), {
    async publish(...of: Parameters<typeof directory.publish>) {
      if (refusals === 0) await rename(root, away());
      else await rename(away(), root);
      refusals += 1;
      return directory.publish(...of);
    },
  });
  for (const name of ['create', 'sweep', 'release'] as const) leaving[name] = directory[name].bind(directory);
  expect(await runExport(record, { ...parts, directory: leaving })).toMatchObject({ state: 'completed' });
  expect(refusals).toBe(2);
  expect(await visible()).toHaveLength(3);
  expect(await store.find('one')).toMatchObject({ state: 'completed' });
});

test('one that waits for the root when the process stops gets its names at the next start (contract 4.35, 5.4)', async () => {
  const stop = new AbortController();
  const { parts } = await openExporting({ db: path.join(folder, 'x.duckdb'), root });
  const record = await acceptAs({ ...window, file_prefix: 'x_' }, 'one', parts);
  const { directory, store } = parts;
  const leaving = Object.assign(Object.create(directory), {
    async publish(...of: Parameters<typeof directory.publish>) {
      await rename(root, away());
      stop.abort();
      return directory.publish(...of);
    },
  });
  for (const name of ['create', 'sweep', 'release'] as const) leaving[name] = directory[name].bind(directory);
  const running = runExport(record, { ...parts, directory: leaving, signal: stop.signal });
  await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect((await store.find('one'))?.state).toBe('publishing');
  await rename(away(), root);
  expect(await recoverExports(parts)).toEqual([]);
  expect((await store.find('one'))?.state).toBe('completed');
  expect(await visible()).toHaveLength(3);
});
