import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { ExportReport } from '../../connectors/http/export-report.ts';
import { serve } from '../support/serving.ts';
import { mountNamespace } from '../support/skipping.ts';
import { smallWindow, wideServices, wideWindow } from '../support/wide-services.ts';

/** Makes the export root a disk of its own, almost filled by a ballast, before the service begins. */
const onFullDisk = (namespace: readonly string[], root: string): readonly string[] => [
  ...namespace,
  ...[
    'sh',
    '-c',
    'mkdir "$0" && mount -t tmpfs -o size=64m none "$0" && head -c 60M /dev/zero > "$0/ballast" && exec "$@"',
  ],
  root,
];

test('when the disk fills up during three exports, each fails without files, a small one succeeds, and large ones do once there is space', async context => {
  const namespace = mountNamespace(context);
  // Memory enough for three exports of wide rows: it is the disk that is to be full.
  const served = await serve({
    lines: wideServices,
    settings: { exports_at_once: 3, memory_limit: '1GB' },
    within: root => onFullDisk(namespace, root),
  });
  // The disk as the service sees it: it is mounted for nobody else.
  const root = path.join('/proc', String(served.note.pid), 'root', served.root);
  const filesThere = async () => (await readdir(root, { recursive: true })).filter(name => name.includes('.'));
  const post = async (query: string, id: string) => {
    const route = `${served.url}/genesys/1/cs/maintenance/services/files?${query}`;
    const answer = await fetch(route, { method: 'POST', headers: { 'idempotency-key': id } });
    return { status: answer.status, body: await answer.json() };
  };
  const layouts = ['csv', 'json', 'ndjson'].map(format => `format=${format}&manifest=true`);
  const failed = await Promise.all(
    layouts.map((layout, at) => post(`${wideWindow}&file_prefix=${at}/x_&${layout}`, `large-${at}`)),
  );
  expect(failed.map(({ status, body }) => [status, body])).toEqual(
    layouts.map(() => [
      507,
      { message: 'no space is left on the disk of the service', exception: 'DISK_FULL', code: 507 },
    ]),
  );
  expect(await filesThere()).toEqual([]);
  const jobs = (await (await fetch(`${served.url}/exports`)).json()) as readonly ExportReport[];
  expect(jobs.map(({ state, files, error }) => [state, files, error?.code])).toEqual(
    layouts.map(() => ['failed', [], 'DISK_FULL']),
  );
  expect((await fetch(`${served.url}/readyz`)).status).toBe(200);
  expect((await post(`${smallWindow}&file_prefix=small_&format=json`, 'small')).status, 'what fits is served').toBe(
    200,
  );

  await rm(path.join(root, 'ballast'));
  expect((await post(`${wideWindow}&file_prefix=0/x_&${layouts[0]}`, 'large-0')).status, 'the recorded outcome').toBe(
    507,
  );
  const done = await post(`${wideWindow}&file_prefix=0/x_&${layouts[0]}`, 'large-again');
  expect([done.status, done.body]).toEqual([200, expect.any(Array)]);
  expect(await filesThere()).toHaveLength(1 + 4);
});
