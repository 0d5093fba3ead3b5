import { expect, test } from 'vitest';
import { openLogWriter } from '../../../connectors/log-files/log/log-writer.ts';
import { asAvro, kinds, schemaText } from '../../support/avro.ts';
import { goldenLines } from '../../support/golden.ts';
import { standInRegistry } from '../../support/stand-in-registry.ts';
import { verifyingInFolder } from '../../support/verifying.ts';

const { run, pathOf, verify, exported } = verifyingInFolder();
const ourIds = new Map(kinds.map((kind, index) => [index + 1, schemaText(kind)]));
const idOf = (kind: (typeof kinds)[number]): number => kinds.indexOf(kind) + 1;

/** Exports from a log folder of Avro records, read while the registry knew these schemas. */
async function exportedWith(schemas: ReadonlyMap<number, string>) {
  const values = goldenLines('messy/events.ndjson').flatMap(line => asAvro(line) ?? []);
  const writer = await openLogWriter({ root: pathOf('log'), topic: 'calls', partition: 0 });
  await writer.append(values.slice(0, 300).map(value => ({ timestamp: null, key: null, value })));
  await writer.close();
  const url = await standInRegistry(schemas);
  await run('ingest', 'log', '--registry-url', url);
  return { url, manifest: await exported() };
}

test('a registry that knows what it knew gives the same rows; one that lost a schema, none (contract 5.22)', async () => {
  const schemas = new Map(ourIds);
  const { url, manifest } = await exportedWith(schemas);
  const verified = () => verify(manifest, '--log', 'log', '--registry-url', url);
  expect((await verified()).answers).toEqual(['verified']);
  schemas.delete(idOf('state.started'));
  expect(await verified()).toMatchObject({
    ...{ code: 83, answers: ['cannot be rebuilt'] },
    details: [`the schema registry no longer knows the schema ids ${idOf('state.started')}`],
  });
  expect(await verify(manifest, '--log', 'log')).toMatchObject({
    ...{ code: 83, answers: ['cannot be rebuilt'] },
    details: [expect.stringMatching(/^the records were written with schemas \(ids 1, 2, .*registry_url is not set$/)],
  });
});

test('a registry that learned a schema since gives more rows: decoded otherwise (contract 5.22)', async () => {
  const schemas = new Map(ourIds);
  schemas.delete(idOf('task.started'));
  const { url, manifest } = await exportedWith(schemas);
  schemas.set(idOf('task.started'), schemaText('task.started'));
  expect(await verify(manifest, '--log', 'log', '--registry-url', url)).toMatchObject({
    ...{ code: 85, answers: ['decoded otherwise'] },
    details: [expect.stringMatching(/^calls@[0-9a-f]{12}\/0: [1-9]\d* records were quarantined then, 0 now \(none\)$/)],
  });
  await run('replay', 'log', '--into', 'mended.duckdb', '--registry-url', url);
  const mended = await exported('--db', 'mended.duckdb');
  expect((await verify(mended, '--log', 'log', '--registry-url', url)).answers, 'what a replay gives').toEqual([
    'verified',
  ]);
});
