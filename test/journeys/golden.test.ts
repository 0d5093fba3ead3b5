import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FileKind, Layout, Selection } from '../../pipeline/selection.ts';
import { canonicalServices, type GoldenCase, goldenLines, goldenPath, readGolden } from '../support/golden.ts';
import { TestStore } from '../support/store.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

describe.each([
  ['the month of calls', 'calls/calls-august.ndjson.gz', 'calls/expected.json', Number.POSITIVE_INFINITY, 20_000],
  ['its first 180,000 events', 'calls/calls-august.ndjson.gz', 'calls/expected-first-180000.json', 180_000, 20_000],
  ['everything allowed, in one batch', 'messy/events.ndjson', 'messy/expected.json', Number.POSITIVE_INFINITY, 20_000],
  ['everything allowed, in batches of 97', 'messy/events.ndjson', 'messy/expected.json', Number.POSITIVE_INFINITY, 97],
])('%s', (_, log, expected, limit, batch) => {
  const opened = openFilledStore(log, limit, batch);

  const cases = readGolden<GoldenCase[]>(expected).map(golden => [JSON.stringify(golden.request), golden] as const);
  test.each(cases)('%s', async (_request, golden) => {
    for (const [kind, wanted] of Object.entries(golden.expected)) {
      const { bytes, rows } = await exportGolden(opened.store(), kind as FileKind, golden);
      const { format = 'csv' } = golden.request;
      const content =
        format === 'csv' ? bytes : canonicalServices(bytes.toString(), format === 'json' ? 'json' : 'ndjson');
      const sha256 = createHash('sha256').update(content).digest('hex');
      expect({ kind, rows, sha256 }).toEqual({
        kind,
        rows: wanted.rows,
        sha256: wanted.sha256 ?? wanted.canonical_sha256,
      });
      if (wanted.bytes !== undefined) expect(bytes.length).toBe(wanted.bytes);
    }
  });
});

describe("the source system's own page", () => {
  const opened = openFilledStore('seed/events.ndjson', Number.POSITIVE_INFINITY, 5);
  const window = { timeFrom: Date.parse('2014-09-02T12:29:00.000Z'), timeTo: Date.parse('2014-09-02T12:31:00.000Z') };

  test.each(['services', 'states', 'tasks'] as const)('%s, byte for byte', async kind => {
    const { bytes } = await opened.store().exported(kind, window);
    expect(bytes.toString()).toBe(readFileSync(goldenPath(`seed/${kind}.csv`), 'utf8'));
  });
});

/** Opens one store for a whole group of tests, as filling it takes the time. */
function openFilledStore(log: string, limit: number, batch: number): { store(): TestStore } {
  let store: TestStore;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    folder = await temporaryFolder();
    store = await TestStore.open(path.join(folder.path, 'golden.duckdb'));
    const lines = goldenLines(log).slice(0, limit);
    for (let at = 0; at < lines.length; at += batch) await store.storeLines(lines.slice(at, at + batch));
  });
  afterAll(async () => {
    await store.close();
    await folder.remove();
  });
  return { store: () => store };
}

function exportGolden(store: TestStore, kind: FileKind, { request }: GoldenCase) {
  const { time_from, time_to, filter_events = 'any', filter_state = 'any', ...rest } = request;
  const window = {
    timeFrom: Date.parse(String(time_from)),
    timeTo: Date.parse(String(time_to)),
    filterEvents: filter_events as Selection['filterEvents'],
    filterState: filter_state as Selection['filterState'],
  };
  return store.exported(kind, window, rest as Partial<Layout>);
}
