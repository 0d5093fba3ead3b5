import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asAvro, ourSchemas } from '../support/avro.ts';
import { type GoldenCase, goldenLines, goldenPath, readGolden } from '../support/golden.ts';
import { expectGolden } from '../support/golden-exports.ts';
import { TestStore } from '../support/store.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// contract 2.1, 3.4, 3.5, 4.7, 4.8, 4.9, 4.10, 4.14, 4.17
describe('the month of calls', () => {
  const filled = openFilledStore({ log: 'calls/calls-august.ndjson.gz', batch: 20_000, written: asIs });

  describe('its first 180,000 events', () => {
    beforeAll(() => filled.fill(180_000));
    test.each(casesOf('calls/expected-first-180000.json'))('%s', (_, golden) => expectGolden(filled.store(), golden));
  });

  describe('all of it, the rest stored after those exports', () => {
    beforeAll(() => filled.fill());
    test.each(casesOf('calls/expected.json'))('%s', (_, golden) => expectGolden(filled.store(), golden));
  });
});

/**
 * The same events written in other ways give the same tables, so each way needs a part of the cases only; together the
 * last three ways run all of them, as the first does alone.
 */
// contract 1.4, 2.1, 2.2, 3.4, 3.5, 4.7, 4.8, 4.9, 4.10, 4.14, 4.17
describe.each([
  ['everything allowed, in one batch', 20_000, asIs, 0, 1],
  ['everything allowed, in batches of 97', 97, asIs, 0, 3],
  ['everything allowed, as Avro', 97, inAvro, 1, 3],
  ['Avro and JSON mixed', 97, mixed, 2, 3],
])('%s', (_, batch, written, part, parts) => {
  const filled = openFilledStore({ log: 'messy/events.ndjson', batch, written });
  beforeAll(() => filled.fill());

  const cases = casesOf('messy/expected.json').filter((_case, index) => index % parts === part);
  test.each(cases)('%s', (_request, golden) => expectGolden(filled.store(), golden));
});

// contract 4.8, 4.9, 4.10
describe.each([
  ['as JSON', asIs],
  ['as Avro', inAvro],
])("the example of the source system's documentation, %s", (_, written) => {
  const filled = openFilledStore({ log: 'seed/events.ndjson', batch: 5, written });
  beforeAll(() => filled.fill());
  const window = { timeFrom: Date.parse('2014-09-02T12:29:00.000Z'), timeTo: Date.parse('2014-09-02T12:31:00.000Z') };

  test.each(['services', 'states', 'tasks'] as const)('%s, byte for byte', async kind => {
    const { bytes } = await filled.store().exported(kind, window);
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

/** The cases of a golden file, each after the request that is its name. */
function casesOf(expected: string): readonly (readonly [string, GoldenCase])[] {
  return readGolden<GoldenCase[]>(expected).map(golden => [JSON.stringify(golden.request), golden]);
}

interface Filling {
  readonly log: string;
  readonly batch: number;
  readonly written: Written;
}

interface FilledStore {
  store(): TestStore;
  /** Stores the events of the log up to a number of them, after those that are stored. */
  fill(upTo?: number): Promise<void>;
}

/** Opens one store for a whole group of tests, as filling it takes the time. */
function openFilledStore({ log, batch, written }: Filling): FilledStore {
  let store: TestStore;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let lines: readonly Buffer[];
  let stored = 0;
  beforeAll(async () => {
    folder = await temporaryFolder();
    store = await TestStore.open(path.join(folder.path, 'golden.duckdb'));
    lines = goldenLines(log);
  });
  afterAll(async () => {
    await store.close();
    await folder.remove();
  });
  return {
    store: () => store,
    async fill(upTo = lines.length) {
      for (; stored < upTo; stored += batch) {
        const values = lines
          .slice(stored, Math.min(stored + batch, upTo))
          .map((line, at) => written(line, stored + at));
        await store.storeLines(values, 0, written === asIs ? null : ourSchemas);
      }
    },
  };
}
