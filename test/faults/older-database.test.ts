import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recoverExports, runExport } from '../../pipeline/export/export.ts';
import type { ExportRecord } from '../../pipeline/export/request.ts';
import { acceptAs } from '../support/accepting.ts';
import { openExporting } from '../support/exporting.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tidemarkDone } from '../support/tidemark.ts';

const window = { time_from: '2010-08-05T09:00:00Z', time_to: '2010-08-05T10:00:00Z', file_prefix: 'x_' };
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let runs = 0;
beforeAll(async () => {
  folder = await temporaryFolder();
  const events = path.resolve('examples/calls-2010-08-05.ndjson.gz');
  await tidemarkDone(['ingest', events, '--db', path.join(folder.path, 'filled.duckdb')]);
});
afterAll(() => folder.remove());

/**
 * A request runs to its end, and then the copy of the database is put back that was taken when the request was recorded in
 * this state. Returns the parts on the copy, and the files with their content.
 */
async function putBack(state: 'accepted' | 'running', more: Readonly<Record<string, string>> = {}) {
  runs += 1;
  const at = (name: string) => path.join(folder.path, `${runs}-${name}`);
  const [db, copy, root] = [at('x.duckdb'), at('copy.duckdb'), at('out')] as const;
  await copyFile(path.join(folder.path, 'filled.duckdb'), db);
  const { parts } = await openExporting({ db, root });
  const record = await acceptAs({ ...window, ...more }, 'one', parts);
  if (state === 'running') await parts.store.update('one', { state });
  await copyFile(db, copy);
  await copyFile(`${db}.wal`, `${copy}.wal`);
  const completed = await runExport({ ...record, state }, parts);
  const read = async () => {
    const names = (await readdir(root)).toSorted();
    return Promise.all(names.map(async name => [name, await readFile(path.join(root, name), 'latin1')] as const));
  };
  return { root, read, before: await read(), completed, ...(await openExporting({ db: copy, root })) };
}

async function runAll(left: readonly ExportRecord[], parts: Parameters<typeof runExport>[1]): Promise<void> {
  for (const record of left) await runExport(record, parts);
}

// contract 5.4
test.each([
  ['running', {}],
  ['running', { compression: 'gzip' }],
  ['running', { format: 'ndjson', compression: 'zip' }],
  ['accepted', { format: 'json' }],
] as const)(
  'a request recorded as %s whose files are there ends as completed with exactly these: %j',
  async (state, more) => {
    const { read, before, completed, parts } = await putBack(state, more);
    await runAll(await recoverExports(parts), parts);
    const record = await parts.store.find('one');
    expect(record?.state, record?.error?.message).toBe('completed');
    expect(record?.manifest?.files).toEqual(completed.manifest.files);
    expect(await read(), 'no other file, no hidden one, no other content').toEqual(before);
  },
);

test('a set of which a file was moved away is made whole again', async () => {
  const { root, read, before, parts } = await putBack('running');
  await rm(path.join(root, before.at(-1)![0]));
  await runAll(await recoverExports(parts), parts);
  expect(await read()).toEqual(before);
});

const emptyTable = async (database: Awaited<ReturnType<typeof putBack>>['database'], table: string): Promise<void> => {
  const connection = await database.connect();
  await connection.run(`DELETE FROM ${table}`);
  connection.closeSync();
};

// contract 5.4
test('with a manifest file it completes as that says, also where the database holds less than the files', async () => {
  const { read, before, completed, database, parts } = await putBack('running', { manifest: 'true' });
  await emptyTable(database, 'states_closed');
  expect(await recoverExports(parts), 'nothing is run again').toEqual([]);
  expect(await parts.store.find('one')).toMatchObject({ state: 'completed', manifest: completed.manifest });
  expect(await read()).toEqual(before);
});

// contract 5.4
test.each([
  [
    'the database holds less',
    async ({ database }: Awaited<ReturnType<typeof putBack>>) => emptyTable(database, 'states_closed'),
    {},
  ],
  [
    'a file was changed that has a manifest',
    async ({ root, before }: Awaited<ReturnType<typeof putBack>>) =>
      writeFile(path.join(root, before.at(-1)![0]), 'other'),
    { manifest: 'true' },
  ],
] as const)('where %s, it fails, and the files stay as they are', async (_, change, more) => {
  const put = await putBack('running', more);
  await change(put);
  const { read, parts } = put;
  const before = await read();
  await expect(runAll(await recoverExports(parts), parts)).rejects.toMatchObject({ code: 'NAME_TAKEN' });
  expect(await parts.store.find('one')).toMatchObject({ state: 'failed', error: { code: 'NAME_TAKEN' } });
  expect(await read()).toEqual(before);
});
