import { copyFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { runExport } from '../../pipeline/export.ts';
import { acceptExport } from '../../pipeline/requests.ts';
import { openExporting, requestStates } from '../support/exporting.ts';
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

test('eight exports at once of one database, larger than every buffer on their way', async () => {
  const { database, parts } = await openExporting(place);
  const ids = Array.from({ length: 8 }, (_, index) => `export-${index}`);
  const manifests = await Promise.all(
    ids.map(async (id, index) => {
      const compression = ['uncompressed', 'gzip', 'zip'][index % 3]!;
      const given = { ...window, file_prefix: 'same_', format: index % 2 === 0 ? 'json' : 'csv', compression };
      return runExport(await acceptExport(given, id, parts), parts);
    }),
  );
  const names = manifests.flatMap(({ files }) => files.map(({ name }) => name));
  expect((await readdir(place.root)).toSorted()).toEqual(names.toSorted());
  expect(Object.values(await requestStates(database))).toEqual(ids.map(() => 'completed'));
}, 20_000);
