import { copyFile, mkdir, readdir, rename, symlink } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Database } from '../../connectors/duckdb/file/database.ts';
import { openExportDirectory } from '../../connectors/export-directory/local-export-directory.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { recoverExports, runExport } from '../../pipeline/export/export.ts';
import type { ExportDirectory } from '../../pipeline/ports.ts';
import { acceptAs } from '../support/accepting.ts';
import { type ExportParts, openExporting, requestStates } from '../support/exporting.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tidemarkDone } from '../support/tidemark.ts';

const window = { time_from: '2010-08-05T00:00:00Z', time_to: '2010-08-06T00:00:00Z' };
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let place: { readonly db: string; readonly root: string };
let runs = 0;

beforeAll(async () => {
  folder = await temporaryFolder();
  const db = path.join(folder.path, 'filled.duckdb');
  await tidemarkDone(['ingest', path.resolve('examples/calls-2010-08-05.ndjson.gz'), '--db', db]);
});
afterAll(() => folder.remove());

beforeEach(async () => {
  runs += 1;
  place = { db: path.join(folder.path, `${runs}.duckdb`), root: path.join(folder.path, `out-${runs}`) };
  await copyFile(path.join(folder.path, 'filled.duckdb'), place.db);
});

/** Accepts and runs, and expects the failure's code; then no file, hidden or not, and the request ended. */
async function expectFailure(code: string, parts: ExportParts, database: Database, given: Record<string, string> = {}) {
  const record = await acceptAs({ ...window, file_prefix: 'x_', ...given }, 'faulty', parts);
  await expect(runExport(record, parts)).rejects.toMatchObject({ code });
  expect(await requestStates(database)).toEqual({ faulty: code === 'CANCELLED' ? 'cancelled' : 'failed' });
  expect(await readdir(place.root)).toEqual([]);
  const again = await acceptAs({ ...window, file_prefix: 'x_', ...given }, 'faulty', parts);
  await expect(runExport(again, parts), 'the recorded outcome').rejects.toMatchObject({ code });
}

async function expectStillExports(parts: ExportParts): Promise<void> {
  const record = await acceptAs({ ...window, file_prefix: 'after_' }, 'after', parts);
  const { files } = (await runExport(record, parts)).manifest;
  expect(files.map(({ kind, rows }) => [kind, rows])).toEqual([
    ['tasks', 2537],
    ['states', 4864],
    ['services', 1913],
  ]);
  expect(await readdir(place.root)).toEqual(files.map(({ name }) => name).toSorted());
}

test('when a file cannot be sealed, the export ends before the others are written', async () => {
  const { database, parts } = await openExporting(place);
  const { directory } = parts;
  const made: string[] = [];
  const failing: ExportDirectory = {
    resolve: prefix => directory.resolve(prefix),
    reserve: (...of) => directory.reserve(...of),
    release: (...of) => directory.release(...of),
    releaseAllBut: (...of) => directory.releaseAllBut(...of),
    contentOf: (...of) => directory.contentOf(...of),
    manifestText: (...of) => directory.manifestText(...of),
    areFree: (...of) => directory.areFree(...of),
    publish: (...of) => directory.publish(...of),
    sweep: (...of) => directory.sweep(...of),
    async create(...of) {
      const pending = await directory.create(...of);
      made.push(pending.name);
      const seal = async () => {
        if (made.length === 1) throw new TidemarkError('DISK_FULL', 'no room to keep it');
        return pending.seal();
      };
      return { name: pending.name, write: bytes => pending.write(bytes), discard: () => pending.discard(), seal };
    },
  };
  await expectFailure('DISK_FULL', { ...parts, directory: failing }, database);
  expect(made.map(name => name.replace(/^.*_/, ''))).toEqual(['tasks.csv', 'states.csv']);
});

test('eight concurrent exports, larger than every buffer, have the same bytes (contract 4.6)', async () => {
  const { database, parts } = await openExporting(place);
  const ids = Array.from({ length: 8 }, (_, index) => `export-${index}`);
  const completed = await Promise.all(
    ids.map(async (id, index) => {
      const compression = ['uncompressed', 'gzip', 'zip'][index % 3]!;
      const given = { ...window, file_prefix: 'same_', format: index % 4 === 3 ? 'csv' : 'json', compression };
      return runExport(await acceptAs(given, id, parts), parts);
    }),
  );
  const files = completed.flatMap(({ manifest }) => manifest.files);
  expect((await readdir(place.root)).toSorted()).toEqual(files.map(({ name }) => name).toSorted());
  const contents = files.map(({ kind, name, sha256 }) => `${kind} ${name.includes('.json')} ${sha256}`);
  expect(new Set(contents).size, 'one content of the JSON file and of each CSV file').toBe(4);
  expect(Object.values(await requestStates(database))).toEqual(ids.map(() => 'completed'));
}, 60_000);

test('eight concurrent requests with one id are one request', async () => {
  const { database, parts } = await openExporting(place);
  const given = { ...window, file_prefix: 'same_' };
  const records = await Promise.all(Array.from({ length: 8 }, () => acceptAs(given, 'one', parts)));
  expect(new Set(records.map(({ plan }) => plan.stamp)).size).toBe(1);
  expect(await requestStates(database)).toEqual({ one: 'accepted' });
});

test('an export that a dead process left in another export root waits for a start with that root, and does not hinder others', async () => {
  const { parts } = await openExporting(place);
  const record = await acceptAs({ ...window, file_prefix: 'x_' }, 'other', parts);
  await parts.store.update('other', { state: 'running' });
  const half = await parts.directory.create(record.plan.destination, 'other', record.plan.names[0]!, 'uncompressed');
  await half.write(Buffer.from('half of a file'));
  const elsewhere = { ...parts, directory: await openExportDirectory({ root: `${place.root}-else`, create: true }) };
  expect(await recoverExports(elsewhere)).toEqual([]);
  const beside = await acceptAs({ ...window, file_prefix: 'x_' }, 'beside', elsewhere);
  expect((await runExport(beside, elsewhere)).manifest.files).toHaveLength(3);
  const [left] = await recoverExports(parts);
  await half.discard();
  const { files } = (await runExport(left!, parts)).manifest;
  expect((await readdir(place.root)).toSorted()).toEqual(files.map(({ name }) => name).toSorted());
});

describe('a query that fails', () => {
  const run = async (database: Database, ...statements: string[]) => {
    const connection = await database.connect();
    for (const statement of statements) await connection.run(statement);
    connection.closeSync();
  };
  const hide = 'ALTER TABLE states_closed RENAME TO hidden_rows';
  const show = 'ALTER TABLE hidden_rows RENAME TO states_closed';

  test.each([
    ['to bind, after the first file was written', [hide], [show]],
    [
      'at a value of a row',
      [
        hide,
        `CREATE VIEW states_closed AS SELECT * REPLACE (
           CASE WHEN row_key % 1000 = 7 THEN error('unreadable row') ELSE state_type END AS state_type), rowid FROM hidden_rows`,
      ],
      ['DROP VIEW states_closed', show],
    ],
  ])('%s', async (_, breaking, mending) => {
    const { database, parts } = await openExporting(place);
    await run(database, ...breaking);
    await expectFailure('EXPORT_FAILED', parts, database);
    await run(database, ...mending);
    await expectStillExports(parts);
  });

  test('because memory runs out', async () => {
    const { database, parts } = await openExporting(place);
    await run(database, "SET memory_limit = '4MB'");
    await expectFailure('OUT_OF_MEMORY', parts, database);
    await run(database, "SET memory_limit = '256MB'");
    await expectStillExports(parts);
  });
});

describe('a sink that fails', () => {
  /** The real directory, whose files fail after so many plain bytes. */
  const failingAfter = (bytes: number, directory: ExportDirectory): ExportDirectory => ({
    resolve: prefix => directory.resolve(prefix),
    reserve: (...reserve) => directory.reserve(...reserve),
    release: (...release) => directory.release(...release),
    releaseAllBut: (...release) => directory.releaseAllBut(...release),
    contentOf: (...of) => directory.contentOf(...of),
    manifestText: (...of) => directory.manifestText(...of),
    areFree: (...free) => directory.areFree(...free),
    publish: (...publish) => directory.publish(...publish),
    sweep: (...sweep) => directory.sweep(...sweep),
    create: async (...create) => {
      const file = await directory.create(...create);
      let written = 0;
      const write = async (chunk: Uint8Array) => {
        written += chunk.length;
        if (written > bytes) throw new Error(`the sink took ${bytes} bytes and no more`);
        await file.write(chunk);
      };
      return { name: file.name, write, seal: () => file.seal(), discard: () => file.discard() };
    },
  });

  test.each([
    [0, 'json', 'uncompressed'],
    [70_000, 'json', 'gzip'],
    [2_000_000, 'json', 'zip'],
    [400_000, 'csv', 'gzip'],
  ])('after %i bytes of %s, %s', async (bytes, format, compression) => {
    const { database, parts } = await openExporting(place);
    const broken = { ...parts, directory: failingAfter(bytes, parts.directory) };
    await expectFailure('EXPORT_FAILED', broken, database, { format, compression });
    await expectStillExports(parts);
  });

  test('a cancelled run ends as cancelled', async () => {
    const { database, parts } = await openExporting(place);
    const stopping = new AbortController();
    const onProgress = () => stopping.abort(new TidemarkError('CANCELLED', 'cancelled by the test'));
    await expectFailure('CANCELLED', { ...parts, signal: stopping.signal, onProgress }, database);
    await expectStillExports(parts);
  });

  test('an interrupted run leaves no file, and the next start runs it again', async () => {
    const { database, parts } = await openExporting(place);
    const stopping = new AbortController();
    const record = await acceptAs({ ...window, file_prefix: 'x_' }, 'stopped', parts);
    const interrupted = { ...parts, signal: stopping.signal, onProgress: () => stopping.abort() };
    await expect(runExport(record, interrupted)).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(await readdir(place.root), 'only its names are still reserved').toEqual([
      expect.stringMatching(/^\.tidemark-reserved-/),
    ]);
    expect(await requestStates(database)).toEqual({ stopped: 'running' });
    for (const left of await recoverExports(parts)) await runExport(left, parts);
    expect(await requestStates(database)).toEqual({ stopped: 'completed' });
    expect((await readdir(place.root)).toSorted()).toEqual(record.plan.names.toSorted());
  });
});

test('when the export root was replaced by a link, nothing is written to its target', async () => {
  const { database, parts } = await openExporting(place);
  const record = await acceptAs({ ...window, file_prefix: 'x_' }, 'faulty', parts);
  const elsewhere = path.join(folder.path, `elsewhere-${runs}`);
  await mkdir(elsewhere);
  await rename(place.root, `${place.root}-moved`);
  await symlink(elsewhere, place.root);
  await expect(runExport(record, parts)).rejects.toMatchObject({ code: 'EXPORT_ROOT_GONE' });
  await expect(acceptAs({ ...window, file_prefix: 'y_' }, 'next', parts)).rejects.toThrow(/export root .*replaced/);
  expect(await readdir(elsewhere)).toEqual([]);
  const moved = await readdir(`${place.root}-moved`);
  expect(moved, 'what was reserved there before').toEqual([expect.stringMatching(/^\.tidemark-reserved-/)]);
  expect(await requestStates(database)).toEqual({ faulty: 'failed' });
});
