import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { openLogWriter } from '../../../connectors/log-files/log/log-writer.ts';
import { started } from '../../support/daily-files.ts';
import { verifyingInFolder } from '../../support/verifying.ts';

const { run, pathOf, write, verify, exported } = verifyingInFolder();
const read = async (manifest: string) => JSON.parse(await readFile(pathOf(manifest), 'utf8'));
const later = '2026-01-02T00:00:00Z';

describe('services in two logs, which have no order', () => {
  const others = ['a', 'b', 'c'].map(id => started(id, '2026-01-01T00:00:00Z'));
  test.each([
    [
      'that one of them deletes',
      ['{"event":"service.deleted","service_id":"x"}'],
      [started('x', '2026-01-01T00:00:00Z')],
    ],
    [
      'with two starts',
      [started('x', '1969-12-31T23:00:00Z'), started('x', '2026-01-03T00:00:00Z')],
      [started('x', '2026-01-02T00:00:00Z')],
    ],
    [
      'with an extension of its own',
      ['{"event":"extension.updated","entity":"service","service_id":"x","name":"e","value":1}'],
      [
        started('x', '2026-01-02T00:00:00Z'),
        '{"event":"extension.updated","entity":"service","service_id":"x","name":"f","value":{"g":1}}',
      ],
    ],
  ])('%s: all others are compared', async (_, inFile, piped) => {
    await write('file.ndjson', [...others, ...inFile]);
    await run('ingest', 'file.ndjson', '--db', 'two.duckdb');
    const writer = await openLogWriter({ root: pathOf('log'), topic: 'calls', partition: 0 });
    await writer.append(piped.map(line => ({ timestamp: null, key: null, value: Buffer.from(line) })));
    await writer.close();
    await run('ingest', 'log', '--db', 'two.duckdb');
    const manifest = await exported('--db', 'two.duckdb');
    const { code, told } = await verify(manifest, '--log', 'file.ndjson', 'log');
    expect([code, told[0]!.answer, told[0]!.details[0]]).toEqual([
      84,
      'order not in the log',
      '1 split services; all others were compared',
    ]);
  });
});

test('a service in two files is read in the order in which they were consumed, however they are given now (contract 2.17)', async () => {
  await write('one.ndjson', [started('x', '2026-01-01T00:00:00Z')]);
  await write('two.ndjson', [
    '{"event":"service.associated","service_id":"x","customer_id":"two"}',
    started('x', later),
  ]);
  const manifests: string[] = [];
  for (const [number, order] of [
    ['one.ndjson', 'two.ndjson'],
    ['two.ndjson', 'one.ndjson'],
  ].entries()) {
    await run('ingest', ...order, '--db', `${number}.duckdb`);
    manifests.push(await exported('--db', `${number}.duckdb`));
  }
  const told = await Promise.all(manifests.map(read));
  expect(told.map(({ split_services: split }) => split)).toEqual([0, 0]);
  expect(told[0].files.at(-1).sha256, 'the order decides').not.toBe(told[1].files.at(-1).sha256);
  for (const order of [
    ['one.ndjson', 'two.ndjson'],
    ['two.ndjson', 'one.ndjson'],
  ])
    expect((await verify(...manifests, '--log', ...order)).answers).toEqual(['verified', 'verified']);
});

test('record times that run backwards change nothing, also where a replay ended among them', async () => {
  const writer = await openLogWriter({ root: pathOf('log'), topic: 'calls', partition: 0 });
  const seconds = [10, 50, 20, 70, 30, 60];
  await writer.append(
    seconds.map((second, index) => {
      const timestamp = Date.parse('2026-01-01T00:00:00Z') + second * 1_000;
      return { timestamp, key: null, value: Buffer.from(started(`s${index}`, new Date(timestamp).toISOString())) };
    }),
  );
  await writer.close();
  await run('ingest', 'log');
  await run('replay', 'log', '--into', 'then.duckdb', '--until', '2026-01-01T00:01:05Z');
  const manifests = [await exported('--db', 'then.duckdb'), await exported()];
  const ends = await Promise.all(manifests.map(read));
  expect(ends.map(({ partitions }) => partitions[0].next_offset)).toEqual([3, 6]);
  expect((await verify(...manifests, '--log', 'log')).answers).toEqual(['verified', 'verified']);
});
