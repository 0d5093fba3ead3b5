import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runChild } from '../support/child-program.ts';
import type { FilledDisk } from '../support/fill-disk.ts';
import { mountNamespace } from '../support/skipping.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const tidemark = path.resolve('dist/ops/tidemark.cjs');
const event = '{"event":"service.started","service_id":"s","timestamp":"2014-06-01T00:00:00Z"}';
const oneEvent = `echo '${event}' > one.ndjson`;
const ingested = `${oneEvent}; ${tidemark} ingest one.ndjson --db x.duckdb`;
const withLog = `${ingested}; ${tidemark} ingest - --db y.duckdb < one.ndjson; mv y.duckdb.log log; rm y.duckdb*; mkdir exports`;

const run = ['run', '--log-folder', 'log', '--http-port', '0', '--db', 'x.duckdb'];
const exporting = ['export', '--db', 'x.duckdb', '--file-prefix', 'a/x_', '--time-from', '2010-01-01T00:00:00Z'];

/** For each command: what the disk lacks, what is done before, its arguments, and the names of files that lack it. */
test.for([
  ['run', 'inodes', withLog, run, ['x.duckdb.staging', 'x.duckdb.wal', 'x.duckdb.server.json']],
  ['run', 'bytes', withLog, run, ['x.duckdb.wal', 'x.duckdb.server.json']],
  ['ingest -', 'inodes', ingested, ['ingest', '-', '--db', 'x.duckdb'], ['x.duckdb.log', 'lock-1']],
  ['export', 'inodes', ingested, exporting, ['exports', '.part', '.fifo', 'x.duckdb.wal']],
] as const)('%s ends with exit code 74 and names the file for which the disk has no %s', async (given, context) => {
  const [, resource, before, command, named] = given;
  const within = mountNamespace(context);
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const disk = path.join(folder.path, 'disk');
  await mkdir(disk);
  const { stdout, stderr } = await runChild({
    program: 'fill-disk',
    args: [disk, resource, tidemark, ...command],
    env: { BEFORE: before },
    within,
  });
  expect(stderr).toBe('');
  const { runs, files } = JSON.parse(stdout) as FilledDisk;
  const failed = runs.slice(0, -1);
  expect(failed.map(({ code }) => code)).toEqual(failed.map(() => 74));
  for (const { stderr } of failed)
    expect(stderr).toMatch(/^tidemark: could not .*no space is left.* \[DISK_FULL\]\n$/s);
  for (const name of named)
    expect(
      failed.some(({ stderr }) => stderr.includes(name)),
      `${name} is named by none`,
    ).toBe(true);
  expect(runs.at(-1)).toMatchObject({ code: 0 });
  expect(files.filter(file => /server\.json|member\.json|\.log\.json|\.lock-|\.part$|\.sealed$/.test(file))).toEqual(
    [],
  );
});
