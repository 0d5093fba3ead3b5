import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from 'vitest';
import { completed, started } from '../../support/daily-files.ts';
import { goldenLines } from '../../support/golden.ts';
import { verifyingInFolder } from '../../support/verifying.ts';

const { run, pipe, pathOf, write, verify, exported } = verifyingInFolder();
const messy = goldenLines('messy/events.ndjson').map(String);

const forms = [
  ['--header', '--extensions', 'none'],
  ['--separator', '|', '--compression', 'gzip'],
  ['--extensions', 'json', '--filter-state', 'active'],
  ['--format', 'json', '--compression', 'zip'],
  ['--format', 'ndjson', '--compression', 'gzip', '--filter-events', 'started'],
  ['--extension-columns', 'a,b'],
];

describe('an export whose files and log are as they were', () => {
  test('is verified, in each form, and in one pass for several (contract 5.22)', async () => {
    await write('one.ndjson', messy.slice(0, 1_500));
    await run('ingest', 'one.ndjson');
    const early = [await exported(), await exported('--format', 'ndjson')];
    await write('two.ndjson', messy.slice(1_500, 2_500));
    await run('ingest', 'two.ndjson');
    await write('one.ndjson', [...messy.slice(0, 1_500), ...messy.slice(2_500)]);
    await run('ingest', 'one.ndjson');
    const late: string[] = [];
    for (const form of forms) late.push(await exported(...form));
    await rename(pathOf('two.ndjson'), pathOf('moved.ndjson'));
    await writeFile(pathOf('one.ndjson.gz'), gzipSync(await readFile(pathOf('one.ndjson'))));
    await rm(pathOf('one.ndjson'));
    const all = [...late, ...early];
    const { code, told } = await verify(...all, '--log', 'moved.ndjson', 'one.ndjson.gz');
    expect(told.filter(({ answer }) => answer !== 'verified')).toEqual([]);
    expect([code, told.map(({ manifest }) => manifest).toSorted()]).toEqual([0, all.toSorted()]);
  });

  test('is verified from a log folder, and from what standard input was appended to', async () => {
    await pipe(`${messy.slice(0, 200).join('\n')}\n`, 'ingest', '-', '--db', 'piped.duckdb');
    const manifest = await exported('--db', 'piped.duckdb');
    const { told } = await verify(manifest, '--log', 'piped.duckdb.log');
    expect(told).toMatchObject([{ answer: 'verified', code: 0 }]);
  });
});

test('of a long row that differs only the part around the difference is shown', async () => {
  const long = { ...JSON.parse(completed('s1', '2026-02-01T00:00:00Z')), disposition_desc: 'x'.repeat(50_000) };
  await write('log.ndjson', [JSON.stringify(long)]);
  await run('ingest', 'log.ndjson');
  const manifest = await exported('--format', 'ndjson');
  const { files } = JSON.parse(await readFile(pathOf(manifest), 'utf8'));
  const services = path.join(
    path.dirname(manifest),
    files.find(({ kind }: { kind: string }) => kind === 'services').name,
  );
  const content = await readFile(pathOf(services), 'utf8');
  const at = content.indexOf('x') + 30_000;
  await writeFile(pathOf(services), `${content.slice(0, at)}y${content.slice(at + 1)}`);
  const { answers, details } = await verify(manifest, '--log', 'log.ndjson');
  expect(answers).toEqual(['files differ']);
  const row = details.find(detail => detail.includes('the log gives'))!;
  expect(row.length).toBeLessThan(6_000);
  expect(row).toMatch(new RegExp(`x{200}yx.* \\(characters ${at - 199} to ${at + 1_800} of ${content.length - 1}\\)`));
});

test('manifests whose records were read with other settings are verified each with its own', async () => {
  const large = JSON.stringify({
    ...JSON.parse(started('large', '2026-01-01T00:00:00Z')),
    contact_key: 'x'.repeat(2_000),
  });
  await write('log.ndjson', [large, ...messy.slice(0, 100)]);
  await run('ingest', 'log.ndjson');
  await run('ingest', 'log.ndjson', '--db', 'small.duckdb', '--max-record-bytes', '1024');
  const manifests = [await exported(), await exported('--db', 'small.duckdb')];
  for (const given of [manifests, manifests.toReversed()])
    expect((await verify(...given, '--log', 'log.ndjson')).answers).toEqual(['verified', 'verified']);
});

test('a log that is too short does not hide another one that holds all', async () => {
  await write('short.ndjson', messy.slice(0, 500));
  await write('whole.ndjson', messy.slice(0, 700));
  await run('ingest', 'whole.ndjson');
  expect((await verify(await exported(), '--log', 'short.ndjson', 'whole.ndjson')).answers).toEqual(['verified']);
});

describe('what is another than it was', () => {
  let manifest: string;
  let folder: string;
  let lines: string[];
  // A file is recognized by its first 64 KiB: what is changed lies behind them.
  const count = 600;
  beforeEach(async () => {
    lines = messy.slice(0, count);
    await write('log.ndjson', lines);
    await run('ingest', 'log.ndjson');
    manifest = await exported('--compression', 'gzip');
    folder = path.dirname(manifest);
  });

  test('a file that is not there', async () => {
    await rm(pathOf(`${folder}/${await nameOf('_states.csv.gz')}`));
    const { code, answers, details } = await verify(manifest, '--log', 'log.ndjson');
    expect([code, answers, details]).toEqual([
      80,
      ['files differ'],
      [expect.stringMatching(/_states\.csv\.gz is not there$/)],
    ]);
  });

  test('a row of a file is shown with both sides, also where the file lies elsewhere', async () => {
    await mkdir(pathOf('loaded'));
    const plain = await exported();
    await cp(pathOf(path.dirname(plain)), pathOf('loaded'), { recursive: true });
    const name = (await readdir(pathOf('loaded'))).find(entry => entry.endsWith('_services.csv'))!;
    const rows = (await readFile(pathOf(`loaded/${name}`), 'utf8')).split('\n');
    const [third] = rows.splice(2, 1, 'changed,row');
    await writeFile(pathOf(`loaded/${name}`), rows.join('\n'));
    const { code, details } = await verify(plain, '--files', 'loaded', '--log', 'log.ndjson');
    expect(code).toBe(80);
    expect(details).toEqual([
      expect.stringMatching(new RegExp(`^${name} unpacked has \\d+ bytes, the manifest says \\d+$`)),
      `${name}, row 3: the file has "changed,row"; the log gives ${JSON.stringify(third)}`,
    ]);
    expect((await verify(plain, '--log', 'log.ndjson')).answers, 'the files beside the manifest').toEqual(['verified']);
  });

  test('the last record', async () => {
    const other = JSON.stringify({ event: 'service.started', service_id: 'other', timestamp: '2026-01-01T00:00:00Z' });
    await write('log.ndjson', [...lines.slice(0, -1), other]);
    const { code, answers, details } = await verify(manifest, '--log', 'log.ndjson');
    expect([code, answers]).toEqual([82, ['log differs']]);
    expect(details).toEqual([expect.stringMatching(/^file-[0-9a-f]{16}\/0: the record at offset 599 is another one/)]);
  });

  test('an earlier record, by the row that it gives', async () => {
    const at = lines.findIndex(
      (line, index) => index > 400 && line.includes('"service.started"') && line.startsWith('{'),
    );
    const event = JSON.parse(lines[at]!);
    await write('log.ndjson', lines.with(at, JSON.stringify({ ...event, customer_id: 'somebody else' })));
    const { code, answers, details } = await verify(manifest, '--log', 'log.ndjson');
    expect([code, answers]).toEqual([80, ['files differ']]);
    expect(details[0]).toMatch(/_services\.csv\.gz, row \d+: the file has ".*"; the log gives ".*somebody else/);
  });

  test('an earlier record, by a value that has no column', async () => {
    const narrow = await exported('--extension-columns', 'a');
    const begin = '"extensions":{"';
    const at = lines.findIndex(
      (line, index) => index > 400 && /^\{"event":"service.started".*"extensions":\{"/.test(line),
    );
    await write('log.ndjson', lines.with(at, lines[at]!.replace(begin, `${begin}new":1,"`)));
    expect(await verify(narrow, '--log', 'log.ndjson')).toMatchObject({
      ...{ code: 80, answers: ['files differ'] },
      details: [expect.stringMatching(/_services\.csv: \d+ values had no column, the log gives \d+$/)],
    });
  });

  test('an earlier record that cannot be decoded any more', async () => {
    await write('log.ndjson', lines.with(500, '{'));
    const { code, answers, details } = await verify(manifest, '--log', 'log.ndjson');
    expect([code, answers]).toEqual([85, ['decoded otherwise']]);
    expect(details[0]).toMatch(
      /\/0: \d+ records were quarantined then, \d+ now \(.*MALFORMED.*\); the first now is offset \d+, /,
    );
  });

  test('a log that ends before the manifest does, or is not given', async () => {
    await write('log.ndjson', lines.slice(0, 550));
    expect(await verify(manifest, '--log', 'log.ndjson')).toMatchObject({
      ...{ code: 83, answers: ['cannot be rebuilt'] },
      details: [expect.stringMatching(/ends at offset 550; the manifest's next offset is 600$/)],
    });
    await write('other.ndjson', messy.slice(100, 200));
    expect(await verify(manifest, '--log', 'other.ndjson')).toMatchObject({
      ...{ code: 83, answers: ['cannot be rebuilt'] },
      details: [
        expect.stringMatching(
          /^no log that was given holds file-[0-9a-f]{16}\/0; a file is recognized by its first 64 KiB/,
        ),
      ],
    });
  });

  const nameOf = async (ending: string) => (await readdir(pathOf(folder))).find(name => name.endsWith(ending))!;
});
