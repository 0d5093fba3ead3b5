import { beforeEach, describe, expect, test } from 'vitest';
import type { Sources } from '../../../pipeline/completeness/sources.ts';
import { type Exporting, recoverExports, runExport } from '../../../pipeline/export/export.ts';
import type { Snapshot } from '../../../pipeline/export/snapshot.ts';
import type { Acceptance } from '../../../pipeline/requests/accept.ts';
import { acceptAs } from '../../support/accepting.ts';
import { liveSource, sourcesOf } from '../../support/event-sources.ts';
import { content, given, memoryExporting, now, snapshot, sources } from '../../support/memory-export.ts';
import { MemoryExportDirectory } from '../../support/memory-export-directory.ts';
import { MemoryRequestStore } from '../../support/memory-requests.ts';

let store: MemoryRequestStore;
let directory: MemoryExportDirectory;
beforeEach(() => {
  store = new MemoryRequestStore();
  directory = new MemoryExportDirectory();
});

const parts = (): Exporting & Acceptance => memoryExporting(store, directory);

describe('the window of an export (contract 4.30)', () => {
  /** What was called, in order. */
  let calls: string[];
  beforeEach(() => {
    calls = [];
  });

  const watched = (held: Sources, write: Snapshot['write'] = snapshot.write): Exporting & Acceptance => ({
    ...parts(),
    contradictions: {
      watch: window => calls.push(`watch ${JSON.stringify(window)}`),
      unwatch: requestId => calls.push(`unwatch ${requestId}`),
    },
    snapshots: {
      snapshot: async () => {
        calls.push('snapshot');
        return { ...snapshot, sources: held, write };
      },
    },
  });

  const window = { requestId: 'one', timeFrom: Date.parse('2026-03-01T00:00:00Z'), timeTo: now, filterEvents: 'any' };

  test('is watched before the snapshot is opened, and as long as the export is complete', async () => {
    const all = watched(sourcesOf([liveSource(0, { vouchedAt: now + 3_000 })]));
    await runExport(await acceptAs(given, 'one', all), all);
    expect(calls).toEqual([`watch ${JSON.stringify(window)}`, 'snapshot']);
    expect(await store.find('one')).toMatchObject({ snapshotBatch: 12 });
  });

  test.each([
    ['is provisional', sources, snapshot.write],
    [
      'fails',
      sourcesOf([liveSource(0, { vouchedAt: now + 3_000 })]),
      () => Promise.reject(new Error('it was made to fail')),
    ],
  ])('is not watched any more when the export %s', async (_, held, write) => {
    const all = watched(held, write);
    await runExport(await acceptAs(given, 'one', all), all).catch(() => undefined);
    expect(calls.slice(0, 3)).toEqual([expect.stringMatching(/^watch /), 'snapshot', 'unwatch one']);
  });

  test('is not watched any more when another file has taken a name', async () => {
    const all = watched(sourcesOf([liveSource(0, { vouchedAt: now + 3_000 })]));
    const record = await acceptAs(given, 'one', all);
    directory.files.set(`/exports/${record.plan.names[0]}`, content);
    await expect(runExport(record, all)).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    expect(calls.at(-1)).toBe('unwatch one');
  });
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
