import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { goldenLines } from '../../support/golden.ts';
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

test.each([
  [[], /verify needs --log <path\.\.\.>, or --files-only/],
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
