import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { FileKind, Layout, Selection } from '../../pipeline/export/selection.ts';
import { canonicalServices, type GoldenCase } from './golden.ts';
import type { TestStore } from './store.ts';

/** Exports from a store what a golden case asks for, and compares each file. */
export async function expectGolden(store: TestStore, golden: GoldenCase): Promise<void> {
  for (const [kind, wanted] of Object.entries(golden.expected)) {
    const { bytes, rows } = await exportGolden(store, kind as FileKind, golden);
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
