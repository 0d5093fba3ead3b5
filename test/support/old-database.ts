import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from './temporary-folder.ts';

type Row = Readonly<Record<string, unknown>>;

/** What a database holds, as DuckDB writes rows as JSON: whole numbers of 64 bits are texts. */
interface OldFacts {
  readonly layout: readonly Row[];
  readonly services: readonly Row[];
  readonly states: readonly Row[];
  readonly tasks: readonly Row[];
  /** The rows with a split mark, by table. */
  readonly split: Readonly<Record<'services' | 'states' | 'tasks', readonly Row[]>>;
  readonly partitions: readonly Row[];
  readonly lost_records: readonly Row[];
  readonly quarantine: readonly Row[];
  readonly exports: readonly Row[];
}

interface OldDatabase {
  readonly path: string;
  /** The database's folder. It also holds what was read: the files, the log folder and the log of standard input. */
  readonly folder: string;
  readonly facts: OldFacts;
}

const fixture = 'test/fixtures/layout-2';
const sources = {
  files: { 'day-1.ndjson': 'day-1.ndjson', 'day-2.ndjson': 'day-2.ndjson', 'standard-input-log': 'files.duckdb.log' },
  mixed: { 'addition.ndjson': 'addition.ndjson', log: 'log' },
};

/**
 * A database of layout 2 in a folder of its own, which is removed with the test. `files` was made from two files and
 * standard input; `mixed` from a log folder, a file and four partitions of a Kafka topic (`layout-2/make.mjs`).
 */
export async function copyOldDatabase(name: 'files' | 'mixed'): Promise<OldDatabase> {
  const { path: folder, remove } = await temporaryFolder();
  onTestFinished(remove);
  const database = path.join(folder, `${name}.duckdb`);
  await writeFile(database, gunzipSync(await readFile(`${fixture}/${name}.duckdb.gz`)));
  for (const [from, to] of Object.entries(sources[name]))
    await cp(path.join(fixture, from), path.join(folder, to), { recursive: true });
  const facts = JSON.parse(await readFile(`${fixture}/${name}.json`, 'utf8')) as OldFacts;
  return { path: database, folder, facts };
}
