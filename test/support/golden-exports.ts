import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { FileKind, Layout, Selection } from '../../pipeline/export/selection.ts';
import { canonicalServices, type GoldenCase } from './golden.ts';
import type { TestStore } from './store.ts';

/** Exports from a store what a golden case asks for, and compares each file. */
export async function expectGolden(store: TestStore, { request, expected }: GoldenCase): Promise<void> {
  const { time_from, time_to, filter_events = 'any', filter_state = 'any', ...layout } = request;
  const window = {
    timeFrom: Date.parse(String(time_from)),
    timeTo: Date.parse(String(time_to)),
    filterEvents: filter_events as Selection['filterEvents'],
    filterState: filter_state as Selection['filterState'],
  };
  const kinds = Object.keys(expected) as FileKind[];
  for (const { kind, bytes, rows } of await store.exportedFiles(kinds, window, layout as Partial<Layout>)) {
    const wanted = expected[kind]!;
    const { format = 'csv' } = request;
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
