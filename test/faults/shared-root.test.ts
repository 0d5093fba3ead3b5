import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { recoverExports, runExport } from '../../pipeline/export/export.ts';
import { acceptAs } from '../support/accepting.ts';
import { openExporting } from '../support/exporting.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const window = { time_from: '2010-08-05T00:00:00Z', time_to: '2010-08-06T00:00:00Z', format: 'ndjson' };
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

const root = () => path.join(folder.path, 'out');
const openService = (name: string) => openExporting({ db: path.join(folder.path, `${name}.duckdb`), root: root() });

// contract 4.3
test('two services with one export root that accept at the same millisecond both complete, with other stamps', async () => {
  const [one, two] = [await openService('one'), await openService('two')];
  const moment = Date.now();
  const services = [one, two].map(({ parts }) => ({ ...parts, clock: { now: () => moment } }));
  const records = await Promise.all(services.map(parts => acceptAs({ ...window, file_prefix: 'x_' }, 'same', parts)));
  const stamps = records.map(({ plan }) => plan.stamp - moment).toSorted();
  const runs = records.map((record, index) => runExport(record, services[index]!));
  const states = await Promise.all(
    runs.map(run =>
      run.then(
        ({ state }) => state,
        error => error.message,
      ),
    ),
  );
  expect(states).toEqual(['completed', 'completed']);
  expect(stamps).toEqual([0, 1]);
  expect(await readdir(root()), 'two files, and no hidden one').toHaveLength(2);
});

// contract 4.4
test('a service that starts again does not remove the hidden files of another with a request of the same id', async () => {
  const [one, two] = [await openService('one'), await openService('two')];
  const [first, second] = [
    await acceptAs({ ...window, file_prefix: 'x_' }, 'same', one.parts),
    await acceptAs({ ...window, file_prefix: 'x_' }, 'same', two.parts),
  ];
  const { destination, names } = first.plan;
  const half = await one.parts.directory.create(destination, 'same', names[0]!, 'uncompressed');
  expect(await recoverExports(two.parts)).toHaveLength(1);
  expect((await readdir(root())).filter(name => name.endsWith('.part'))).toHaveLength(1);
  await half.discard();
  for (const [record, { parts }] of [
    [first, one],
    [second, two],
  ] as const)
    await runExport(record, parts);
  expect(await readdir(root())).toHaveLength(2);
});

// contract 4.4
test('an export that fails takes the folders with it that it made, also after a crash in the middle', async () => {
  const { parts } = await openService('one');
  const record = await acceptAs({ ...window, file_prefix: 'new/deep/x_' }, 'fails', parts);
  await parts.store.update('fails', { state: 'running' });
  await parts.directory.create(record.plan.destination, 'fails', record.plan.names[0]!, 'uncompressed');
  const [left] = await recoverExports(parts);
  const failing = { ...parts, wait: () => Promise.reject(new Error('it was made to fail')) };
  await expect(runExport(left!, failing)).rejects.toMatchObject({ code: 'EXPORT_FAILED' });
  expect(await readdir(root())).toEqual([]);
});

test('what a dying process reserved for a request that it did not record is free after the next start', async () => {
  const { parts } = await openService('one');
  await parts.directory.reserve(await parts.directory.resolve('x_'), 'never recorded', 5);
  await recoverExports(parts);
  expect(await readdir(root())).toEqual([]);
});
