import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asAvro, ourSchemas } from '../support/avro.ts';
import { type GoldenCase, goldenLines, goldenPath, readGolden } from '../support/golden.ts';
import { expectGolden } from '../support/golden-exports.ts';
import { TestStore } from '../support/store.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// contract 2.1, 3.4, 3.5, 4.7, 4.8, 4.9, 4.10, 4.14, 4.17
describe.each([
  ['the month of calls', 'calls/calls-august.ndjson.gz', 'calls/expected.json', Number.POSITIVE_INFINITY, 20_000],
  ['its first 180,000 events', 'calls/calls-august.ndjson.gz', 'calls/expected-first-180000.json', 180_000, 20_000],
  ['everything allowed, in one batch', 'messy/events.ndjson', 'messy/expected.json', Number.POSITIVE_INFINITY, 20_000],
])('%s', (_, log, expected, limit, batch) => {
  const opened = openFilledStore({ log, limit, batch, written: asIs });

  const cases = readGolden<GoldenCase[]>(expected).map(golden => [JSON.stringify(golden.request), golden] as const);
  test.each(cases)('%s', (_request, golden) => expectGolden(opened.store(), golden));
});

/**
 * The same events written in other ways give the same tables, so each way needs a part of the cases only; together the
 * three ways run all of them.
 */
// contract 1.4, 2.2
describe.each([
  ['everything allowed, in batches of 97', asIs, 0],
  ['everything allowed, as Avro', inAvro, 1],
  ['Avro and JSON mixed', mixed, 2],
])('%s', (_, written, part) => {
  const opened = openFilledStore({ log: 'messy/events.ndjson', limit: Number.POSITIVE_INFINITY, batch: 97, written });

  const cases = readGolden<GoldenCase[]>('messy/expected.json')
    .filter((_case, index) => index % 3 === part)
    .map(golden => [JSON.stringify(golden.request), golden] as const);
  test.each(cases)('%s', (_request, golden) => expectGolden(opened.store(), golden));
});

// contract 4.8, 4.9, 4.10
describe.each([
  ['as JSON', asIs],
  ['as Avro', inAvro],
])("the example of the source system's documentation, %s", (_, written) => {
  const opened = openFilledStore({ log: 'seed/events.ndjson', limit: Number.POSITIVE_INFINITY, batch: 5, written });
  const window = { timeFrom: Date.parse('2014-09-02T12:29:00.000Z'), timeTo: Date.parse('2014-09-02T12:31:00.000Z') };

  test.each(['services', 'states', 'tasks'] as const)('%s, byte for byte', async kind => {
    const { bytes } = await opened.store().exported(kind, window);
    expect(bytes.toString()).toBe(readFileSync(goldenPath(`seed/${kind}.csv`), 'utf8'));
  });
});

/** How the value of a record is written, by its line and number. */
type Written = (line: Buffer, number: number) => Uint8Array;

function asIs(line: Buffer): Uint8Array {
  return line;
}

function inAvro(line: Buffer): Uint8Array {
  return asAvro(line)!;
}

function mixed(line: Buffer, number: number): Uint8Array {
  return number % 3 === 0 ? line : inAvro(line);
}

interface Filling {
  readonly log: string;
  readonly limit: number;
  readonly batch: number;
  readonly written: Written;
}

/** Opens one store for a whole group of tests, as filling it takes the time. */
function openFilledStore({ log, limit, batch, written }: Filling): { store(): TestStore } {
  let store: TestStore;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    folder = await temporaryFolder();
    store = await TestStore.open(path.join(folder.path, 'golden.duckdb'));
    const values = goldenLines(log).slice(0, limit).map(written);
    for (let at = 0; at < values.length; at += batch) {
      await store.storeLines(values.slice(at, at + batch), 0, written === asIs ? null : ourSchemas);
    }
  });
  afterAll(async () => {
    await store.close();
    await folder.remove();
  });
  return { store: () => store };
}
