import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { manifestText, sealManifest } from '../../../schemas/manifest-text.ts';
import { goldenLines } from '../../support/golden.ts';
import { tidemark } from '../../support/tidemark.ts';
import { verifyingInFolder } from '../../support/verifying.ts';

const { run, attempt, pathOf, write, verify, exported } = verifyingInFolder();
const messy = goldenLines('messy/events.ndjson').map(String);

describe('a manifest of another version', () => {
  const changed = async (change: (manifest: Record<string, unknown>) => void) => {
    await write('log.ndjson', messy.slice(0, 60));
    await run('ingest', 'log.ndjson');
    const manifest = await exported();
    const told = JSON.parse(await readFile(pathOf(manifest), 'utf8'));
    change(told);
    delete told.manifest_sha256;
    await writeFile(pathOf(manifest), `${JSON.stringify(told, null, 2)}\n`);
    return manifest;
  };

  test('of contract 2 has no hash of its own, and is verified as far as it goes', async () => {
    const manifest = await changed(told => {
      told.versions = { ...(told.versions as object), contract: 2 };
      for (const name of ['decoded_with', 'rows_from', 'split_services']) delete told[name];
      for (const name of ['last_record', 'quarantined', 'cluster_id', 'topic_id'])
        for (const partition of told.partitions as Record<string, unknown>[]) delete partition[name];
    });
    expect((await verify(manifest, '--log', 'log.ndjson')).answers).toEqual(['verified']);
  });

  test('of contract 3 without its hash is changed', async () => {
    const manifest = await changed(() => undefined);
    expect(await verify(manifest, '--files-only')).toMatchObject({ code: 81, answers: ['manifest changed'] });
  });

  test('of another projection has its files compared, not its rows', async () => {
    const manifest = await changed(told => {
      told.versions = { ...(told.versions as object), contract: 2, projection: 1 };
    });
    expect(await verify(manifest, '--log', 'log.ndjson')).toMatchObject({ code: 86, answers: ['other projection'] });
  });
});

test('a manifest that holds something else than was written is told so, however well it is sealed', async () => {
  await write('log.ndjson', messy.slice(0, 60));
  await run('ingest', 'log.ndjson');
  const path = await exported();
  const { manifest_sha256: _, ...good } = JSON.parse(await readFile(pathOf(path), 'utf8'));
  const faults: ((manifest: typeof good) => void)[] = [
    told => (told.request = null),
    told => (told.request.format = 'xml'),
    told => (told.request.time_to = '1999-01-01T00:00:00Z'),
    told => (told.window.time_to = 'abc'),
    told => delete told.filters,
    told => (told.files = []),
    told => told.files.pop(),
    told => (told.files[0] = null),
    told => (told.files[0] = told.files[1]),
    told => (told.files[0].name = 5),
    told => (told.files[0].name = 'a\0b'),
    told => (told.partitions = [null]),
    told => (told.partitions[0].next_offset = 1e300),
    told => (told.readings = [{}]),
    told => (told.schema_ids = 5),
  ];
  for (const change of faults) {
    const told = structuredClone(good);
    change(told);
    await writeFile(pathOf(path), manifestText(sealManifest(told)));
    expect(await verify(path, '--log', 'log.ndjson'), String(change)).toMatchObject({
      code: 81,
      answers: ['manifest changed'],
    });
  }
});

test('of contract 1 has its files compared', async () => {
  await write('log.ndjson', messy.slice(0, 60));
  await run('ingest', 'log.ndjson');
  const path = await exported();
  const told = JSON.parse(await readFile(pathOf(path), 'utf8'));
  const partitions = told.partitions.map(({ topic, partition, next_offset }: Record<string, unknown>) => ({
    topic,
    partition,
    next_offset,
  }));
  const { request_id, request, window, filters, status, reasons, files } = told;
  const versions = { ...told.versions, contract: 1 };
  await writeFile(
    pathOf(path),
    JSON.stringify({ request_id, request, window, filters, status, reasons, partitions, files, versions }),
  );
  expect((await verify(path, '--files-only')).answers).toEqual(['verified']);
  expect((await verify(path, '--log', 'log.ndjson')).answers).toEqual(['verified']);
});

test.each([
  [[], /verify needs --log <path\.\.\.>, the setting kafka_brokers, or --files-only/],
  [['--files-only', '--log', 'x'], /--files-only reads no log/],
])('%j is refused', async (args, message) => {
  await write('m.json', ['{}']);
  expect(await attempt('verify', 'm.json', ...args)).toMatchObject({
    code: 64,
    stderr: expect.stringMatching(message),
  });
});

test('what is no manifest is told so', async () => {
  for (const text of ['', '[]', 'null', '{"files":[]}', '\u00ff{']) {
    await writeFile(pathOf('m.json'), text);
    expect(await verify('m.json', '--files-only')).toMatchObject({
      code: 81,
      details: ['it is no manifest of an export'],
    });
  }
  expect(await attempt('verify', 'nowhere.json', '--files-only')).toMatchObject({ code: 66 });
});

test('a folder of files that is not there, and a temporary folder that cannot be used, are named', async () => {
  await write('log.ndjson', messy.slice(0, 60));
  await run('ingest', 'log.ndjson');
  const path = await exported();
  expect(await attempt('verify', path, '--files-only', '--files', 'nowhere')).toMatchObject({
    ...{ code: 66, stderr: expect.stringContaining('there is no folder nowhere') },
  });
  const env = { TMPDIR: pathOf('log.ndjson') };
  expect(await tidemark(['verify', path, '--log', 'log.ndjson'], { cwd: pathOf('.'), env })).toMatchObject({
    ...{ code: 73, stderr: expect.stringContaining('log.ndjson (TMPDIR)') },
  });
});
