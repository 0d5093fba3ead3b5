import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { openLogWriter } from '../../connectors/log-files/log/log-writer.ts';
import { goldenLines } from '../support/golden.ts';
import { segmentFiles } from '../support/log-files.ts';
import { readTables } from '../support/tables.ts';
import { tidemark } from '../support/tidemark.ts';
import { verifyingInFolder } from '../support/verifying.ts';

const { run, attempt, pathOf, write, verify, exported } = verifyingInFolder();
const messy = goldenLines('messy/events.ndjson').map(String);
const begin = Date.parse('2026-03-01T00:00:00Z');
const at = (minutes: number): string => new Date(begin + minutes * 60_000).toISOString();

/** A log of services, one a minute; each starts a minute before its record, and record times may run otherwise. */
async function makeLog(minutes: readonly number[], segmentBytes = 1_000_000): Promise<string> {
  const writer = await openLogWriter({ root: pathOf('log'), topic: 'calls', partition: 0, segmentBytes });
  for (const [index, minute] of minutes.entries()) {
    const event = { event: 'service.started', service_id: `s${index}`, timestamp: at(minute - 1) };
    const value = Buffer.from(JSON.stringify(event));
    await writer.append([{ timestamp: begin + minute * 60_000, key: Buffer.from(`s${index}`), value }]);
  }
  await writer.close();
  return writer.path;
}

const minutes = (count: number): number[] => Array.from({ length: count }, (_, minute) => minute);
const replayed = async (...args: readonly string[]) => JSON.parse(await run('replay', ...args, '--json'));
const planned = async (...args: readonly string[]) =>
  JSON.parse(await run('replay', ...args, '--into', 'none.duckdb', '--dry-run', '--json'));
const listed = async (...args: readonly string[]) => (await planned(...args)).partitions;
const manifestOf = async (db: string, from: string, to: string) =>
  JSON.parse(await run('export', '--db', db, '--file-prefix', 'x_', '--time-from', from, '--time-to', to, '--json'));

describe('a replay', () => {
  test('of files and log folders gives the tables, files and verdict of the first ingest, and is verified (contract 5.23)', async () => {
    await write('one.ndjson', messy.slice(0, 900));
    await write('two.ndjson', messy.slice(900, 1_200));
    await run('ingest', 'one.ndjson', 'two.ndjson');
    expect(await replayed('one.ndjson', 'two.ndjson', '--into', 'again.duckdb')).toMatchObject({ records_read: 1_200 });
    expect(await readTables(pathOf('again.duckdb'))).toEqual(await readTables(pathOf('tidemark.duckdb')));
    const manifests = [await exported(), await exported('--db', 'again.duckdb')];
    const files = [];
    for (const manifest of manifests) {
      files.push(JSON.parse(await readFile(pathOf(manifest), 'utf8')));
    }
    const [first, second] = files;
    expect(second.files.map(({ sha256 }: { sha256: string }) => sha256)).toEqual(
      first.files.map(({ sha256 }: { sha256: string }) => sha256),
    );
    expect([first.rows_from, second.rows_from]).toEqual([
      { kind: 'live' },
      { kind: 'replay', from: 'beginning', until: 'now', allow_gaps: false, finished: true },
    ]);
    expect((await verify(...manifests, '--log', 'one.ndjson', 'two.ndjson')).answers).toEqual(['verified', 'verified']);
  });

  test('up to a manifest has what that export held, however the files grew since', async () => {
    await write('log.ndjson', messy.slice(0, 300));
    await run('ingest', 'log.ndjson');
    const manifest = await exported();
    await write('log.ndjson', messy.slice(0, 700));
    await replayed('log.ndjson', '--into', 'then.duckdb', '--until', `manifest:${manifest}`);
    expect(await readTables(pathOf('then.duckdb'))).toEqual(await readTables(pathOf('tidemark.duckdb')));
  });

  test('does not say that it has ended where the log ends too early', async () => {
    await write('log.ndjson', messy.slice(0, 600));
    await run('ingest', 'log.ndjson');
    const manifest = await exported();
    await write('log.ndjson', messy.slice(0, 500));
    const short = await attempt('replay', 'log.ndjson', '--into', 'then.duckdb', '--until', `manifest:${manifest}`);
    expect(short).toMatchObject({ code: 65, stderr: expect.stringMatching(/ends at offset 500; .* up to offset 600/) });
    const { reasons } = await manifestOf('then.duckdb', '1970-01-01T00:00:00Z', '2199-01-01T00:00:00Z');
    expect(reasons.join()).toMatch(/replay not finished: file-[0-9a-f]{16}\/0 at 500 of 600/);
  });

  test('up to a manifest goes over lines without a record (contract 1.1)', async () => {
    await write('log.ndjson', [...messy.slice(0, 20), '', '']);
    await run('ingest', 'log.ndjson');
    const manifest = await exported();
    await replayed('log.ndjson', '--into', 'then.duckdb', '--batch-records', '20', '--until', `manifest:${manifest}`);
    expect((await manifestOf('then.duckdb', '1970-01-01T00:00:00Z', '1971-01-01T00:00:00Z')).partitions).toMatchObject([
      { next_offset: 22 },
    ]);
  });

  test('is gone on with by the same command only, and takes nothing else (contract 5.24)', async () => {
    await write('log.ndjson', messy.slice(0, 60));
    await replayed('log.ndjson', '--into', 'again.duckdb');
    expect(await replayed('log.ndjson', '--into', 'again.duckdb'), 'it has ended').toMatchObject({ records_read: 0 });
    const other = await attempt('replay', 'log.ndjson', '--into', 'again.duckdb', '--until', 'beginning');
    expect(other).toMatchObject({
      code: 65,
      stderr: expect.stringMatching(
        /belongs to the replay --from beginning --until now log\.ndjson, .*\[REQUEST_CONFLICT\]/,
      ),
    });
    await write('more.ndjson', messy.slice(100, 120));
    expect(await attempt('ingest', 'more.ndjson', '--db', 'again.duckdb')).toMatchObject({ code: 65 });
    const following = ['run', '--log-folder', 'log', '--db', 'again.duckdb', '--http-port', '0'];
    expect(await tidemark(following, { cwd: pathOf('.') })).toMatchObject({ code: 65 });
    await run('ingest', 'more.ndjson', '--db', 'own.duckdb');
    const into = await attempt('replay', 'log.ndjson', '--into', 'own.duckdb');
    expect(into).toMatchObject({ code: 65, stderr: expect.stringContaining('holds events that no replay stored') });
  });
});

describe('the places of a log', () => {
  test('a time ends before the first record at or after it, and says up to when it has all events', async () => {
    await makeLog(minutes(30));
    const [target] = await listed('log', '--until', at(10));
    expect(target).toMatchObject({ from: 0, until: 10, records: 10 });
    await replayed('log', '--into', 'then.duckdb', '--until', at(10), '--skew-ms', '60000');
    const whole = await manifestOf('then.duckdb', at(-10), at(8));
    expect(whole).toMatchObject({ status: 'complete', vouched_by: [`the replay until ${at(10)}`] });
    expect(await manifestOf('then.duckdb', at(-10), at(9))).toMatchObject({
      status: 'provisional',
      reasons: [
        expect.stringMatching(
          /^the replay until .* has all events before 2026-03-01T00:08:50\.000Z, not 2026-03-01T00:09:00\.000Z$/,
        ),
      ],
    });
  });

  test('a time begins the skew before it, and windows near that beginning are provisional (contract 4.31)', async () => {
    await makeLog(minutes(30));
    const [target] = await listed('log', '--from', at(20), '--skew-ms', '120000');
    expect(target).toMatchObject({ from: 18, until: 30 });
    await replayed('log', '--into', 'late.duckdb', '--from', at(20), '--skew-ms', '120000');
    const { reasons } = await manifestOf('late.duckdb', at(19), at(25));
    expect(reasons.join()).toMatch(/18/);
  });

  test('where record times run backwards, the command says by how much', async () => {
    await makeLog([0, 1, 5, 2, 3, 6]);
    const { stderr, stdout } = await attempt(
      'replay',
      'log',
      '--into',
      'x.duckdb',
      '--until',
      at(4),
      '--dry-run',
      '--json',
    );
    expect(JSON.parse(stdout)).toMatchObject({ partitions: [{ until: 2 }], records: 2, seconds: 1 });
    expect(stderr).toMatch(/record times run backwards there: after offset 2 some are up to 120000 ms earlier/);
  });

  test('offsets begin and end exactly there, and say nothing of times', async () => {
    await makeLog(minutes(30));
    const [{ topic }] = await listed('log');
    const name = `${topic}/0`;
    expect(
      await replayed('log', '--into', 'part.duckdb', '--from', `${name}=5`, '--until', `${name}=12`),
    ).toMatchObject({ records_read: 7 });
    expect((await manifestOf('part.duckdb', at(-10), at(5))).reasons.join('\n')).toContain(
      `the replay ends at ${name}=12, which says nothing`,
    );
  });

  test('what the log no longer holds is named before it is read, and a gap in manifests when that is allowed', async () => {
    const folder = await makeLog(minutes(30), 600);
    const segments = await segmentFiles(folder);
    await rm(segments[0]!);
    const low = Number(path.basename(segments[1]!, '.segment'));
    const refused = await attempt('replay', 'log', '--into', 'x.duckdb');
    expect(refused).toMatchObject({
      code: 65,
      stderr: expect.stringMatching(
        new RegExp(`no longer holds the offsets from 0 on and below ${low}\\. --allow-gaps .*RECORDS_LOST`),
      ),
    });
    expect(await planned('log')).toMatchObject({ losses: [expect.stringMatching(`from 0 on and below ${low}$`)] });
    await replayed('log', '--into', 'x.duckdb', '--allow-gaps');
    const { partitions } = await manifestOf('x.duckdb', at(20), at(25));
    expect(partitions).toMatchObject([{ first_offset: 0, gaps: [{ from: 0, to: low }] }]);
  });

  test.each([
    ['--until', 'yesterday', /--until is "yesterday"; allowed are beginning, now, .* and manifest:<path>/],
    ['--from', 'manifest:x', /--from is "manifest:x"; allowed are beginning/],
    ['--until', 'other/0=5', /no log that was given holds other\/0; they hold calls@[0-9a-f]{12}\/0/],
  ])('%s %s is refused', async (option, place, message) => {
    await makeLog(minutes(3));
    const { code, stderr } = await attempt('replay', 'log', '--into', 'x.duckdb', option, place);
    expect([code, stderr]).toEqual([64, expect.stringMatching(message)]);
  });

  test('a time is refused for a file, which keeps none', async () => {
    await write('log.ndjson', messy.slice(0, 10));
    const { code, stderr } = await attempt('replay', 'log.ndjson', '--into', 'x.duckdb', '--until', at(1));
    expect([code, stderr]).toEqual([64, expect.stringContaining('log.ndjson keeps no times of its records')]);
  });

  test('a manifest that was changed is refused', async () => {
    await write('log.ndjson', messy.slice(0, 10));
    await writeFile(pathOf('m.json'), '{}');
    const { code, stderr } = await attempt('replay', 'log.ndjson', '--into', 'x.duckdb', '--until', 'manifest:m.json');
    expect([code, stderr]).toEqual([64, expect.stringContaining('the manifest m.json, which was changed')]);
  });
});
