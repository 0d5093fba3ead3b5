import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { commandsInFolder, day, started } from '../support/daily-files.ts';

const { run, attempt, pipe, pathOf, write, writeDays, exportWindow, partitions } = commandsInFolder();

describe('daily files', () => {
  test('are one log: an earlier day is complete, the last one when it is declared (contract 4.24, 4.28)', async () => {
    await writeDays();
    await run('ingest', 'd1.ndjson', 'd2.ndjson');
    expect(await exportWindow(day(1), day(2)), 'also with a service across midnight').toMatchObject({
      status: 'complete',
      vouched_by: [expect.stringMatching(/^the events of file-[0-9a-f]{16}\/0 \(d2\.ndjson\)$/)],
    });
    expect(await exportWindow(day(2), day(3))).toMatchObject({
      status: 'provisional',
      reasons: [
        'the events that were ingested reach 2026-01-02T23:30:00.000Z, not 2026-01-03T00:00:00.000Z; ingest what comes next, ' +
          'or declare that nothing is missing with: tidemark ingest --covers-until 2026-01-03T00:00:00.000Z',
      ],
    });
    await run('ingest', 'd2.ndjson', '--covers-until', day(3));
    const declared = { status: 'complete', vouched_by: ['covers-until 2026-01-03T00:00:00.000Z'] };
    expect(await exportWindow(day(2), day(3))).toMatchObject(declared);
    expect(await exportWindow(day(2), day(4)), 'the declaration ends there').toMatchObject({ status: 'provisional' });
  });

  test('a declaration needs no path and is only ever raised (contract 4.28)', async () => {
    await writeDays();
    await run('ingest', 'd1.ndjson');
    await run('ingest', '--covers-until', day(4));
    await run('ingest', '--covers-until', day(2));
    expect(await exportWindow(day(2), day(4))).toMatchObject({
      status: 'complete',
      covers_until: '2026-01-04T00:00:00.000Z',
    });
  });

  test.each([
    ['a time to come', '2199-01-01T00:00:00Z'],
    ['no time', 'tomorrow'],
  ])('a declaration of %s is refused', async (_, given) => {
    await writeDays();
    const { code, stderr } = await attempt('ingest', 'd1.ndjson', '--covers-until', given);
    expect(code).toBe(64);
    expect(stderr).toMatch(
      new RegExp(`--covers-until is "${given}"; allowed is a time with a zone, .* not later than now, .* \\[USAGE\\]`),
    );
  });

  test('without a path and a declaration, ingest says what it needs', async () => {
    expect(await attempt('ingest')).toMatchObject({ code: 64, stderr: expect.stringContaining('ingest needs a path') });
  });

  test('an allowed lateness is subtracted from the events of files (contract 4.24)', async () => {
    await writeDays();
    await run('ingest', 'd1.ndjson', 'd2.ndjson');
    const late = ['--allowed-lateness-ms', String(23.5 * 3_600_000)];
    expect(await exportWindow(day(1), day(2), ...late)).toMatchObject({ status: 'complete' });
    const later = ['--allowed-lateness-ms', String(23.5 * 3_600_000 + 1)];
    expect(await exportWindow(day(1), day(2), ...later)).toMatchObject({ status: 'provisional' });
  });

  test('a line of the year 2099 completes nothing (contract 4.24)', async () => {
    await write('odd.ndjson', started('a', '2026-01-01T10:00:00Z'), started('far', '2099-01-01T00:00:00Z'));
    await run('ingest', 'odd.ndjson');
    expect(await exportWindow(day(1), day(2))).toMatchObject({ status: 'provisional' });
  });

  test('one stray line of standard input holds nothing back (contract 4.24)', async () => {
    await writeDays();
    await run('ingest', 'd1.ndjson', 'd2.ndjson');
    await pipe(`${started('stray', '2026-01-01T00:00:00Z')}\n`, 'ingest', '-');
    expect(await exportWindow(day(1), day(2))).toMatchObject({ status: 'complete' });
  });
});

describe('a source that was not read to its end (contract 4.25)', () => {
  test('makes every window provisional until it is', async () => {
    await writeDays();
    await appendFile(pathOf('d2.ndjson'), '{"event":"service.sta');
    await run('ingest', 'd1.ndjson', 'd2.ndjson', '--covers-until', day(3));
    expect(await exportWindow(day(1), day(2))).toMatchObject({
      status: 'provisional',
      covers_until: null,
      reasons: [expect.stringMatching(/^file-[0-9a-f]{16}\/0 \(d2\.ndjson\): ingest has not read it to its end$/)],
    });
    await appendFile(pathOf('d2.ndjson'), 'rted","service_id":"z","timestamp":"2026-01-02T23:40:00Z"}\n');
    await run('ingest', 'd2.ndjson');
    expect(await exportWindow(day(1), day(2))).toMatchObject({ status: 'complete' });
  });

  test('a declaration then says that it was not recorded', async () => {
    await writeDays();
    await appendFile(pathOf('d2.ndjson'), '{"event":');
    const { stderr } = await attempt('ingest', 'd2.ndjson', '--covers-until', day(3));
    expect(stderr).toContain('covers-until was not recorded: not everything was read to its end');
  });

  test('all that a command is given is recorded before the first is read', async () => {
    await writeDays();
    const packed = gzipSync(`${started('c', '2026-01-01T01:00:00Z')}\n`.repeat(2000));
    await writeFile(pathOf('cut.ndjson.gz'), packed.subarray(0, packed.length - 20));
    expect(await attempt('ingest', 'd2.ndjson', 'cut.ndjson.gz', 'd1.ndjson')).toMatchObject({ code: 65 });
    const unread = (name: string) => expect.stringContaining(`(${name}): ingest has not read it to its end`);
    expect(await exportWindow(day(1), day(2)), 'the last one was never reached').toMatchObject({
      status: 'provisional',
      reasons: [unread('cut.ndjson.gz'), unread('d1.ndjson')],
    });
    expect((await partitions()).map(({ kind }) => kind).toSorted()).toEqual(['ended', 'live', 'live']);
  });

  test('a file that is refused stays what it was, and the others count', async () => {
    await writeDays();
    await run('ingest', 'd1.ndjson', 'd2.ndjson');
    await write('d1.ndjson', started('a', '2026-01-01T10:00:00Z'), started('other', '2026-01-01T23:50:00Z'));
    expect(await attempt('ingest', 'd1.ndjson')).toMatchObject({ code: 65 });
    expect(await exportWindow(day(1), day(2))).toMatchObject({ status: 'complete' });
  });

  test('a path that does not exist refuses all before anything is recorded', async () => {
    await writeDays();
    await run('ingest', 'd1.ndjson', 'd2.ndjson');
    expect(await attempt('ingest', 'd1.ndjson', 'nowhere.ndjson')).toMatchObject({ code: 66 });
    expect(await exportWindow(day(1), day(2))).toMatchObject({ status: 'complete' });
  });

  test('one that will never be finished can be ended by hand, and manifests say so (contract 4.27)', async () => {
    await writeDays();
    await appendFile(pathOf('d1.ndjson'), '{"event":');
    await run('ingest', 'd1.ndjson', 'd2.ndjson');
    const unfinished = (await partitions()).find(({ kind }) => kind === 'live');
    expect(unfinished).toMatchObject({ watermark: null, reason: 'ingest has not read it to its end' });
    const name = `${unfinished?.topic}/0`;
    expect(await run('partitions', 'end', name)).toContain(`${name} is ended`);
    expect((await partitions()).find(({ topic }) => topic === unfinished?.topic)).toMatchObject({
      kind: 'ended by hand',
      reason: expect.stringMatching(/^ended by command line at 20/),
    });
    const manifest = await exportWindow(day(1), day(2));
    expect(manifest.status).toBe('complete');
    expect(manifest.partitions.find(({ topic }) => topic === unfinished?.topic)?.ended_by_hand).toEqual({
      by: 'command line',
      at: expect.stringMatching(/^20.*Z$/),
    });
  });

  test.each([
    ['an unknown partition', 'calls/3', 66, /there is no partition or topic calls\/3; .* \[PARTITION_UNKNOWN\]/],
    ['an unknown topic', 'calls', 66, /there is no partition or topic calls; .* \[PARTITION_UNKNOWN\]/],
  ])('ending %s is refused', async (_, name, code, message) => {
    await writeDays();
    await run('ingest', 'd1.ndjson');
    const refused = await attempt('partitions', 'end', name);
    expect(refused.stderr).toMatch(message);
    expect(refused.code).toBe(code);
  });
});

describe('a file that is given twice in one command (contract 2.10, 2.12)', () => {
  test('adds nothing the second time, also packed', async () => {
    await writeDays();
    await writeFile(pathOf('d1.ndjson.gz'), gzipSync(await readFile(pathOf('d1.ndjson'))));
    await run('ingest', 'd1.ndjson', 'd1.ndjson.gz', 'd2.ndjson', 'd1.ndjson');
    expect(await exportWindow(day(1), day(2))).toMatchObject({ status: 'complete', files: [{}, {}, { rows: 2 }] });
    expect((await partitions()).map(({ kind, next_offset }) => [kind, next_offset])).toEqual([
      ['ended', 2],
      ['ended', 2],
    ]);
  });

  test('keeps its position when a changed copy of it is refused', async () => {
    const filler = 'x'.repeat(70_000);
    const lines = (last: string) => [
      JSON.stringify({ event: 'service.started', service_id: 'a', timestamp: day(1), extensions: { filler } }),
      last,
    ];
    await write('first.ndjson', lines('')[0]!);
    await write('grown.ndjson', ...lines(started('b', day(1))));
    await write('other.ndjson', ...lines(started('c', day(1))));
    await run('ingest', 'first.ndjson');
    expect(await attempt('ingest', 'grown.ndjson', 'other.ndjson')).toMatchObject({
      code: 65,
      stderr: expect.stringContaining('[SOURCE_CHANGED]'),
    });
    expect(await partitions()).toMatchObject([{ kind: 'ended', next_offset: 2 }]);
    expect(JSON.parse(await run('ingest', 'grown.ndjson', '--json'))).toMatchObject({ records_read: 0 });
  });
});

test('standard input that is cut off in a line has not ended (contract 4.25)', async () => {
  await pipe(`${started('a', day(1))}\n{"event":"serv`, 'ingest', '-');
  expect(await exportWindow(day(1), '2026-01-01T00:00:00.001Z')).toMatchObject({ status: 'provisional' });
  await pipe(`${started('b', day(2))}\n`, 'ingest', '-');
  expect(await exportWindow(day(1), day(2))).toMatchObject({ status: 'complete' });
});

test('a database to which no source was ever named is provisional, also with a declaration (contract 4.20)', async () => {
  await write('empty.ndjson');
  await run('ingest', 'empty.ndjson', '--covers-until', day(4));
  expect(await exportWindow(day(1), day(2))).toMatchObject({
    status: 'provisional',
    reasons: ['nothing was ever ingested'],
    partitions: [],
  });
});
