import type { ChildProcess } from 'node:child_process';
import { appendFile, copyFile, mkdir, open, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { main } from '../../ops/cli.ts';
import { describeParameter, parameterNames, parameterTable } from '../../pipeline/export/parameter-table.ts';
import { goldenPath } from '../support/golden.ts';
import { tidemarkDoneHere, tidemarkHere } from '../support/in-process.ts';
import { readTables } from '../support/tables.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { startTidemark, tidemark } from '../support/tidemark.ts';

const seed = goldenPath('seed/events.ndjson');
const window = ['--time-from', '2014-01-01T00:00:00Z', '--time-to', '2015-01-01T00:00:00Z'];
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let db: string;
const inFolder = (name: string) => path.join(folder.path, name);
beforeAll(async () => {
  folder = await temporaryFolder();
  db = inFolder('seed.duckdb');
  await tidemarkDoneHere(['ingest', seed, '--db', db]);
});
afterAll(() => folder.remove());

test.each([
  [[]],
  [['ingest']],
  [['export']],
  [['exports']],
  [['cancel']],
  [['token']],
  [['status']],
  [['quarantine']],
  [['quarantine', 'list']],
  [['quarantine', 'show']],
  [['schemas']],
  [['schemas', 'register']],
  [['schemas', 'check']],
  [['config']],
  [['config', 'check']],
  [['demo']],
])('help of tidemark %j has examples', async command => {
  const text = await tidemarkDoneHere([...command, '--help']);
  expect(text).toMatch(new RegExp(`Examples:\\n  \\$ (npm run|tidemark) ${command.join(' ')}`));
});

test('each parameter of an export is an option of tidemark export, whose help says what is allowed and the default', async () => {
  const help = (await tidemarkDoneHere(['export', '--help'])).replaceAll(/\s+/g, ' ');
  for (const name of parameterNames) {
    const option = `--${name.replaceAll('_', '-')}`;
    const value = parameterTable[name].kind.name === 'flag' ? '' : ` <${name}>`;
    expect(help).toContain(` ${option}${value} ${describeParameter(name)} `);
  }
});

test('the help of the program lists its exit codes', async () => {
  expect(await tidemarkDoneHere(['--help'])).toMatch(
    /Exit codes: 0 done; 64 .*65 .*66 .*70 .*73 .*74 .*75 .*78 .*130 /s,
  );
});

test.each([
  ['help', () => ['--help']],
  ['a table', () => ['status', '--db', db]],
  ['JSON', () => ['status', '--db', db, '--json']],
])('the command succeeds when the reader of its output (%s) closes it early', async (_, args) => {
  const { child, ended } = startTidemark(args());
  child.stdout.destroy();
  child.stdin.end();
  expect(await ended).toMatchObject({ code: 0, stderr: '' });
});

describe('exit codes (contract 5.15)', () => {
  test.each([
    ['an unknown command', 64, ['bogus'], /unknown command 'bogus'/],
    ['no command', 64, [], /Usage: tidemark/],
    ['an unknown flag', 64, ['status', '--bogus'], /unknown option '--bogus'/],
    ['a missing argument', 64, ['cancel'], /missing required argument 'request-id'/],
    ['neither a path nor a declaration', 64, ['ingest'], /ingest needs a path, or --covers-until <time>/],
    ['an offset that is no number', 64, ['quarantine', 'show', 'x', 'first'], /whole number/],
    ['a missing path', 66, ['ingest', 'nope.ndjson', '--db', 'new.duckdb'], /no nope\.ndjson/],
    ['a folder without logs', 66, ['ingest', '.', '--db', 'new.duckdb'], /SOURCE_MISSING/],
    ['status of a missing database', 66, ['status', '--db', 'nope.duckdb'], /no database at nope\.duckdb/],
    ['export of a missing database', 66, ['export', '--db', 'nope.duckdb', '--file-prefix', 'x'], /no database at/],
    ['no quarantined record at an offset', 66, ['quarantine', 'show', 'x', '1', '--db', 'DB'], /offset 1 of x/],
    ['a database in a folder that cannot exist', 73, ['ingest', seed, '--db', 'file/x.duckdb'], /file.*NOT_WRITABLE/s],
    ['a text file as database', 70, ['ingest', seed, '--db', 'file'], /cannot open .*file.*WAREHOUSE_BROKEN/s],
    ['a JSON file as database', 70, ['ingest', seed, '--db', 'data.json'], /data\.json.*WAREHOUSE_BROKEN/s],
    ['a setting out of range', 78, ['status', '--config', 'bad.yaml'], /bad\.yaml:1: threads is 0.*1 to 256/],
  ])('%s: %i', async (name, code, args, told) => {
    const cwd = inFolder(name);
    await mkdir(cwd);
    await writeFile(path.join(cwd, 'file'), 'not a database, but long enough to be looked at');
    await writeFile(path.join(cwd, 'data.json'), '{"a": 1}\n');
    await writeFile(path.join(cwd, 'bad.yaml'), 'threads: 0\n');
    const end = await tidemarkHere(
      args.map(arg => arg.replace('DB', db)),
      { cwd },
    );
    expect(end.stderr).toMatch(told);
    expect([end.code, end.stdout]).toEqual([code, '']);
  });

  test('wrong parameters: one message names every fault, and no request is recorded', async () => {
    const flags = ['--time-from', '2026-01-01', '--format', 'xml', '--separator', 'x', '--filter-state', 'old'];
    const { code, stderr } = await tidemarkHere([
      'export',
      '--db',
      db,
      '--export-root',
      inFolder('no'),
      ...flags,
      '--json',
    ]);
    expect(code).toBe(64);
    const { code: word, message } = JSON.parse(stderr);
    expect(word).toBe('REQUEST_INVALID');
    for (const named of [
      'file_prefix is required',
      'time_from is "2026-01-01"',
      'format is "xml"',
      'separator is "x"',
    ]) {
      expect(message).toContain(named);
    }
    expect(message).toContain('filter_state is "old"; allowed is any, active, inactive');
    expect(JSON.parse(await tidemarkDoneHere(['status', '--db', db, '--json'])).exports).toEqual([]);
  });

  test('a file whose consumed part has changed: 65, and nothing is added', async () => {
    const file = inFolder('changing.ndjson');
    const own = inFolder('changing.duckdb');
    await copyFile(goldenPath('messy/events.ndjson'), file);
    await tidemarkDoneHere(['ingest', file, '--db', own]);
    const before = await readTables(own);
    const handle = await open(file, 'r+');
    await handle.write('X', 500_000);
    await handle.close();
    await appendFile(file, '{"event":"service.deleted","service_id":"1"}\n');
    const { code, stderr } = await tidemarkHere(['ingest', file, '--db', own]);
    expect([code, stderr]).toEqual([65, expect.stringMatching(/changing\.ndjson.*SOURCE_CHANGED/s)]);
    expect(await readTables(own)).toEqual(before);
  });

  test('a database that a running process owns: 75, and the message names the process', async () => {
    const own = inFolder('owned.duckdb');
    const { child, ended } = startTidemark(['ingest', '-', '--db', own]);
    child.stdin.write('{"event":"service.deleted","service_id":"1"}\n');
    await untilLocked(own, child);
    for (const args of [['status'], ['ingest', seed], ['quarantine', 'list']]) {
      const { code, stderr } = await tidemarkHere([...args, '--db', own]);
      expect([code, stderr]).toEqual([75, expect.stringMatching(`in use by process ${child.pid}`)]);
    }
    child.stdin.end();
    expect((await ended).code).toBe(0);
    await tidemarkDoneHere(['status', '--db', own]);
  });
});

/** Asks until the other process has made and locked the file, or is gone. */
async function untilLocked(own: string, owner: ChildProcess): Promise<void> {
  for (let code: number | null = 0; code !== 75 && owner.exitCode === null; ) {
    ({ code } = await tidemark(['status', '--db', own]));
  }
}

test('an unexpected error is shown with its stack trace and gives the exit code of a bug (contract 5.15)', async () => {
  const before = process.exitCode;
  onTestFinished(() => {
    vi.restoreAllMocks();
    process.exitCode = before;
  });
  const bug = new TypeError('a bug');
  vi.spyOn(process.stdout, 'write').mockImplementationOnce(() => {
    throw bug;
  });
  const shown = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  await main(['node', 'tidemark', 'token', 'name']);
  expect(process.exitCode, 'the exit code does not say that this is a bug').toBe(70);
  expect(shown.mock.calls).toEqual([[bug]]);
});

test('a file adds nothing when it is ingested again or after renaming, and its new lines after it has grown', async () => {
  const own = inFolder('twice.duckdb');
  const file = inFolder('twice.ndjson');
  await copyFile(seed, file);
  const readBy = async (...paths: string[]) => {
    const text = await tidemarkDoneHere(['ingest', ...paths, '--db', own, '--json']);
    return text
      .trim()
      .split('\n')
      .map(line => JSON.parse(line).records_read);
  };
  expect(await readBy(file)).toEqual([16]);
  expect(await readBy(file, seed)).toEqual([0, 0]);
  await appendFile(file, '{"event":"service.deleted","service_id":"none"}\n');
  expect(await readBy(file)).toEqual([1]);
});

describe('a request id (contract 5.2, 5.3)', () => {
  const exportWith = (id: string, ...more: string[]) =>
    tidemarkHere([
      ...['export', '--db', db, '--export-root', inFolder('out'), '--file-prefix', 'x_', ...window],
      ...['--request-id', id, '--json', ...more],
    ]);

  test('that is repeated with the same parameters returns the recorded outcome', async () => {
    const first = await exportWith('one');
    const second = await exportWith('one');
    expect([second.code, second.stdout]).toEqual([0, first.stdout]);
    expect(JSON.parse(first.stdout)).toMatchObject({ request_id: 'one', paths: expect.any(Array) });
  });

  test('that is repeated with other parameters is a conflict', async () => {
    await exportWith('two');
    const { code, stderr } = await exportWith('two', '--header');
    expect([code, JSON.parse(stderr).code]).toEqual([65, 'REQUEST_CONFLICT']);
  });

  test.each(['', '..', 'x'.repeat(257), 'a\nb'])('cannot be %j, of a new request', async id => {
    const { code, stderr } = await exportWith(id);
    expect([code, JSON.parse(stderr).code]).toEqual([64, 'REQUEST_INVALID']);
    expect(JSON.parse(stderr).message).toContain('allowed are 1 to 256 bytes of UTF-8');
  });

  test('of a failed export fails again with the same error', async () => {
    const few = ['--max-extension-columns', '0'];
    const first = await exportWith('three', ...few);
    expect([first.code, JSON.parse(first.stderr).code]).toEqual([65, 'TOO_MANY_COLUMNS']);
    const second = await exportWith('three');
    expect([second.code, second.stdout, second.stderr]).toEqual([first.code, '', first.stderr]);
  });
});
