import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Exporting, recoverExports, runExport } from '../../../pipeline/export/export.ts';
import { withoutLog } from '../../../pipeline/export/log-wait.ts';
import type { Snapshot } from '../../../pipeline/ports.ts';
import type { Acceptance } from '../../../pipeline/requests/accept.ts';
import { acceptAs } from '../../support/accepting.ts';
import { MemoryExportDirectory } from '../../support/memory-export-directory.ts';
import { MemoryRequestStore } from '../../support/memory-requests.ts';

const now = Date.parse('2026-03-02T10:11:12.345Z');
const given = { file_prefix: 'x_', time_from: '2026-03-01T00:00:00Z', manifest: 'true', compression: 'gzip' };
const content = Buffer.from('a,b\nc,d\n');
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

/** Two rows in each file, from two partitions. */
const snapshot: Snapshot = {
  positions: [
    { partition: { topic: 'calls', partition: 0 }, origin: 'log', nextOffset: 7, bookmark: 'b', watermark: now },
    { partition: { topic: 'calls', partition: 1 }, origin: 'log', nextOffset: 9, bookmark: null, watermark: null },
  ],
  schemaIds: [3, 17],
  lostRecords: 0,
  interrupt: () => undefined,
  splitServices: 0,
  write: async (_kind, sink) => {
    await sink(content);
    return { rows: 2, columns: ['first', 'second'], valuesLeftOut: 3 };
  },
  close: async () => undefined,
};

const parts = (): Exporting & Acceptance => ({
  store,
  directory,
  clock: { now: () => now },
  snapshots: { snapshot: async () => snapshot },
  ...withoutLog({ now: () => now }),
  allowedLatenessMs: 0,
  software: 'tidemark 1.2.3',
  signal: new AbortController().signal,
});

test('a manifest says all that is needed to rebuild the export and compare (contract 4.18, 4.19)', async () => {
  const record = await acceptAs(given, 'one', parts());
  const { manifest } = await runExport(record, parts());
  expect(manifest).toEqual({
    request_id: 'one',
    request: given,
    window: { time_from: '2026-03-01T00:00:00.000Z', time_to: '2026-03-02T10:11:12.345Z' },
    filters: { filter_events: 'any', filter_state: 'any' },
    status: 'provisional',
    reasons: [expect.stringMatching(/^calls\/1: watermark not known/)],
    partitions: [
      { topic: 'calls', partition: 0, next_offset: 7 },
      { topic: 'calls', partition: 1, next_offset: 9 },
    ],
    schema_ids: [3, 17],
    files: ['tasks', 'states', 'services'].map(kind => ({
      name: `x_20260302_101112_345_${kind}.csv.gz`,
      kind,
      rows: 2,
      columns: ['first', 'second'],
      values_outside_columns: 3,
      ...hashes('', content),
      ...hashes('packed_', directory.files.get(`/exports/x_20260302_101112_345_${kind}.csv.gz`)!),
    })),
    versions: { software: 'tidemark 1.2.3', zlib: process.versions.zlib, contract: 1, projection: 1 },
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

describe('after a crash (contract 5.4)', () => {
  test('a request that was running is run again, with its names and window', async () => {
    const record = await acceptAs(given, 'one', parts());
    await store.update('one', { state: 'running' });
    const half = await directory.create(record.plan.destination, 'one', record.plan.names[0]!, 'gzip');
    await half.write(content);
    const later = { ...parts(), clock: { now: () => now + 60_000 } };
    const [left] = await recoverExports(later);
    expect(directory.hidden.size).toBe(0);
    const { manifest } = await runExport(left!, later);
    expect(manifest.window.time_to).toBe('2026-03-02T10:11:12.345Z');
    expect([...directory.files.keys()]).toEqual(record.plan.names.map(name => `/exports/${name}`));
  });

  test('a request that was publishing is completed without reading rows again', async () => {
    const record = await acceptAs(given, 'one', parts());
    for (const name of record.plan.names) {
      const file = await directory.create(record.plan.destination, 'one', name, 'gzip');
      await file.seal();
    }
    await store.update('one', { state: 'publishing' });
    expect(await recoverExports(parts())).toEqual([]);
    expect((await store.find('one'))?.state).toBe('completed');
    expect([directory.files.size, directory.hidden.size]).toEqual([4, 0]);
  });

  test('a request that cannot be finished fails, and the others go on', async () => {
    await acceptAs(given, 'lost', parts());
    await store.update('lost', { state: 'publishing' });
    await acceptAs(given, 'other', parts());
    expect((await recoverExports(parts())).map(({ requestId }) => requestId)).toEqual(['other']);
    expect(await store.find('lost')).toMatchObject({ state: 'failed', error: { code: 'EXPORT_FAILED' } });
  });
});

test('a request that has ended is not run again: its outcome is returned or thrown', async () => {
  const record = await acceptAs(given, 'one', parts());
  const completed = await runExport(record, parts());
  const count = directory.files.size;
  expect(await runExport(await acceptAs(given, 'one', parts()), parts())).toEqual(completed);
  await acceptAs(given, 'two', parts());
  await store.update('two', { state: 'failed', error: { code: 'DISK_FULL', message: 'as it was' } });
  const again = runExport(await acceptAs(given, 'two', parts()), parts());
  await expect(again).rejects.toMatchObject({ code: 'DISK_FULL', message: 'as it was' });
  expect(directory.files.size).toBe(count);
});
