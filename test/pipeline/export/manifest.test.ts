import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { noSources, type Sources } from '../../../pipeline/completeness/sources.ts';
import { type Exporting, runExport } from '../../../pipeline/export/export.ts';
import type { Acceptance } from '../../../pipeline/requests/accept.ts';
import { acceptAs } from '../../support/accepting.ts';
import { checkedManifest } from '../../support/checked-manifest.ts';
import { liveSource, sourcesOf } from '../../support/event-sources.ts';
import { content, given, memoryExporting, now, snapshot } from '../../support/memory-export.ts';
import { MemoryExportDirectory } from '../../support/memory-export-directory.ts';
import { MemoryRequestStore } from '../../support/memory-requests.ts';

let store: MemoryRequestStore;
let directory: MemoryExportDirectory;
beforeEach(() => {
  store = new MemoryRequestStore();
  directory = new MemoryExportDirectory();
});

const hashes = (which: '' | 'packed_', bytes: Uint8Array) => ({
  [`${which}bytes`]: bytes.length,
  [`${which}sha256`]: createHash('sha256').update(bytes).digest('hex'),
});

const parts = (): Exporting & Acceptance => memoryExporting(store, directory);

test('a manifest says all that is needed to rebuild the export and compare (contract 4.18, 4.19, 2.17)', async () => {
  const record = await acceptAs(given, 'one', parts());
  const { manifest } = await runExport(record, parts());
  checkedManifest(manifest);
  expect(manifest).toEqual({
    request_id: 'one',
    request: given,
    window: { time_from: '2026-03-01T00:00:00.000Z', time_to: '2026-03-02T10:11:12.345Z' },
    filters: { filter_events: 'any', filter_state: 'any' },
    status: 'provisional',
    reasons: [
      expect.stringMatching(/^calls\/0: watermark 2026-03-02T10:11:09\.345Z; /),
      expect.stringMatching(/^calls\/1: has no watermark yet; this process does not read it$/),
      expect.stringMatching(/^calls\/0: 2 offsets from 3 on were lost/),
    ],
    vouched_by: [],
    covers_until: '2026-03-02T10:11:07.345Z',
    topics: [{ topic: 'calls', declared: [0, 1], partitions: 6, ended_by_hand: null }],
    partitions: [
      {
        ...{ topic: 'calls', partition: 0, kind: 'live', first_offset: 0, next_offset: 7 },
        watermark: '2026-03-02T10:11:09.345Z',
        ...{ cluster_id: 'c-1', topic_id: 't-1', quarantined: 2 },
        last_record: { offset: 6, time: '2026-03-02T10:11:08.345Z', sha256: 'ab'.repeat(32) },
        gaps: [{ from: 3, to: 5, reason: 'deleted' }],
        ended_by_hand: null,
      },
      {
        ...{ topic: 'calls', partition: 1, kind: 'live', first_offset: 4, next_offset: 9 },
        ...{ cluster_id: null, topic_id: null, quarantined: 0, last_record: null },
        ...{ watermark: null, gaps: [], ended_by_hand: null },
      },
      {
        ...{ topic: 'day', partition: 0, kind: 'file', first_offset: 0, next_offset: 10 },
        ...{ cluster_id: null, topic_id: null, quarantined: 0, last_record: null },
        ...{ watermark: '2026-03-02T10:11:11.345Z', gaps: [], ended_by_hand: null },
      },
    ],
    readings: [
      { topic: 'day', partition: 0, first_offset: 0, next_offset: 6 },
      { topic: 'day', partition: 0, first_offset: 6, next_offset: 10 },
    ],
    decoded_with: [{ key_format: 'string', max_record_bytes: null, registry: true }],
    rows_from: { kind: 'live' },
    services_without_start: 4,
    split_services: 0,
    schema_ids: [3, 17],
    files: ['tasks', 'states', 'services'].map(kind => ({
      name: `x_20260302_101112_345_${kind}.csv.gz`,
      kind,
      rows: 2,
      columns: ['first', 'second'],
      column_types: ['text', 'text'],
      values_outside_columns: 3,
      ...hashes('', content),
      ...hashes('packed_', directory.files.get(`/exports/x_20260302_101112_345_${kind}.csv.gz`)!),
    })),
    versions: { software: 'tidemark 1.2.3', zlib: process.versions.zlib, contract: 3, projection: 2 },
    manifest_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  const written = directory.files.get('/exports/x_20260302_101112_345_manifest.json');
  expect(JSON.parse(Buffer.from(written ?? []).toString())).toEqual(manifest);
  expect(await store.find('one')).toMatchObject({ state: 'completed', manifest });
});

test('a manifest that is not requested as a file is kept only with the request (contract 4.18)', async () => {
  const { manifest: _, ...quiet } = given;
  await runExport(await acceptAs(quiet, 'one', parts()), parts());
  expect([...directory.files.keys()].filter(name => name.includes('manifest'))).toEqual([]);
  expect((await store.find('one'))?.manifest).not.toBeNull();
});

describe('the verdict', () => {
  const complete = sourcesOf([liveSource(0, { vouchedAt: now + 3_000 })]);
  const exported = async (changes: Partial<Exporting>, more: object = {}) => {
    const all = { ...parts(), ...changes };
    return (await runExport(await acceptAs({ ...given, ...more }, 'one', all), all)).manifest;
  };
  const of = (held: Sources) => ({ snapshot: async () => ({ ...snapshot, sources: held }) });

  test('names what vouched for a complete window (contract 4.26)', async () => {
    expect(await exported({ snapshots: of(complete) })).toMatchObject({
      status: 'complete',
      reasons: [],
      vouched_by: ['the log as it was at 2026-03-02T10:11:15.345Z'],
    });
  });

  test('names who ended a partition by hand, and when (contract 4.27)', async () => {
    const end = { by: 'hand', who: 'ben', at: now } as const;
    const { partitions } = await exported({ snapshots: of(sourcesOf([liveSource(0, { assignedAt: null, end })])) });
    expect(partitions).toMatchObject([{ ended_by_hand: { by: 'ben', at: '2026-03-02T10:11:12.345Z' } }]);
  });

  test('rests on the sources as the wait ended, and positions are those of the snapshot', async () => {
    const end = { partition: { topic: 'calls', partition: 0 }, low: 0, stable: 10, high: 10 };
    const ends = { from: 'own look', at: now, ends: [end] } as const;
    const later = sourcesOf([liveSource(0, { nextOffset: 99, vouchedAt: null })]);
    const wait = async () => ({ ends, sources: complete, timedOut: null });
    const manifest = await exported({ wait, snapshots: of(later) });
    expect(manifest).toMatchObject({
      status: 'complete',
      partitions: [{ next_offset: 99, watermark: '2026-03-02T10:11:12.345Z' }],
    });
  });

  test('says that the wait gave up only where the window is not complete (contract 4.22)', async () => {
    const wait = (sources: Sources) => async () =>
      ({ ends: { from: 'latest look' }, sources, timedOut: 'gave up' }) as const;
    expect((await exported({ wait: wait(complete) })).reasons).toEqual([]);
    store = new MemoryRequestStore();
    directory = new MemoryExportDirectory();
    const { status, reasons } = await exported({ wait: wait(noSources) });
    expect([status, reasons]).toEqual(['provisional', ['nothing was ever ingested', 'gave up']]);
  });
});
