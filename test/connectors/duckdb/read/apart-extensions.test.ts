import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ServiceLookup } from '../../../../connectors/duckdb/read/service-lookup.ts';
import { defaultSlicing, type Slicing } from '../../../../connectors/duckdb/read/slice-plan.ts';
import { DuckDbSnapshots } from '../../../../connectors/duckdb/snapshot.ts';
import { fileKinds, type Layout } from '../../../../pipeline/export/selection.ts';
import { plainCsv, TestStore } from '../../../support/store.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

const window = { timeFrom: Date.UTC(2026, 0, 1), timeTo: Date.UTC(2027, 0, 1) };
const anything = { filterEvents: 'any', filterState: 'any' } as const;
const never = Number.POSITIVE_INFINITY;

/** Two stores of their own: in one nearly all extensions are kept apart from their rows, in the other none are. */
async function openStores(apartBytes = 8) {
  const folder = await temporaryFolder();
  const open = async (name: string, bytes: number) => {
    await mkdir(path.join(folder.path, name));
    return TestStore.open(path.join(folder.path, name, 'test.duckdb'), { apartBytes: bytes });
  };
  const stores = { apart: await open('apart', apartBytes), together: await open('together', never) };
  return {
    ...stores,
    async storeLines(lines: readonly string[]) {
      for (const store of Object.values(stores)) await store.storeLines(lines);
    },
    async close() {
      for (const store of Object.values(stores)) await store.close();
      await folder.remove();
    },
  };
}

const layouts: readonly Partial<Layout>[] = [
  { header: true },
  { header: true, separator: ';', extensionColumns: ['e1', 'e2.x', 'none'] },
  { extensions: 'json' },
  { extensions: 'none' },
  { format: 'json' },
  { format: 'ndjson' },
];

/** Sizes at which a few rows make several slices, which are cut by bytes and have scattered rows. */
const small: Slicing = { rowsPerSlice: 3, bytesPerSlice: 200, blockRows: 3, fewBlocks: 1 };

/** Everything that a reader can see of a store: all files in all layouts, the views, and a look-up. */
async function seen(store: TestStore, slicing: Slicing) {
  const files: Record<string, unknown> = {};
  const snapshots = new DuckDbSnapshots(store.database, { maxExtensionColumns: 1_000, slicing });
  for (const layout of layouts) {
    const snapshot = await snapshots.snapshot({ ...window, ...anything }, { ...plainCsv, ...layout });
    for (const kind of fileKinds(layout.format ?? 'csv')) {
      const chunks: Buffer[] = [];
      const told = await snapshot.write(kind, async bytes => void chunks.push(Buffer.from(bytes)));
      files[`${kind} ${JSON.stringify(layout)}`] = { ...told, text: Buffer.concat(chunks).toString() };
    }
    await snapshot.close();
  }
  const shown = { active_states: true, completed_states: true, active_tasks: true, completed_tasks: true };
  return {
    files,
    services: await store.rows('SELECT service_id, extensions FROM services ORDER BY ALL'),
    states: await store.rows('SELECT service_id, state_id, extensions FROM states ORDER BY ALL'),
    tasks: await store.rows('SELECT service_id, task_id, extensions FROM tasks ORDER BY ALL'),
    service: await new ServiceLookup(store.database).find('s1', shown),
  };
}

const numbered = (letter: string, most: number) =>
  fc.integer({ min: 1, max: most }).map(number => `${letter}${number}`);
const value = fc.oneof(
  fc.constantFrom(1, 'plain', 'a,b', 'a;b', 'say "x"', 'two\nlines', '#', '', null, true, 'ü€🙂'),
  fc.record({ x: fc.constantFrom(1, 'q'), y: fc.constantFrom('', [1, { z: 2 }]) }),
);
const extensions = fc.dictionary(
  fc.oneof(numbered('e', 4), fc.constantFrom('e2.x', '\u001f/é"', 'disposition')),
  value,
  {
    minKeys: 1,
    maxKeys: 3,
  },
);
const minute = fc.nat(500).map(number => new Date(Date.UTC(2026, 0, 1, 0, number)).toISOString());
const common = {
  service_id: numbered('s', 4),
  state_id: numbered('t', 2),
  task_id: numbered('k', 2),
  timestamp: minute,
};
const event = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      event: fc.constantFrom(
        ...['service.started', 'service.completed', 'service.associated'],
        ...['state.started', 'state.completed', 'task.started', 'task.completed'],
      ),
      ...{ ...common, customer_id: numbered('c', 3) },
      extensions: fc.option(extensions, { nil: undefined }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      event: fc.constant('extension.updated'),
      ...{ ...common, entity: fc.constantFrom('service', 'state', 'task') },
      ...{ name: numbered('e', 4), value },
    }),
  },
  { weight: 1, arbitrary: fc.record({ event: fc.constant('service.deleted'), service_id: numbered('s', 4) }) },
);
const batches = fc.array(fc.tuple(fc.array(event, { minLength: 1, maxLength: 25 }), fc.boolean()), {
  minLength: 1,
  maxLength: 5,
});

// contract 2.5, 4.10, 4.11, 4.13
test('a reader cannot tell whether extensions are kept apart from their rows', { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(batches, fc.constantFrom(8, 60), fc.constantFrom(small, defaultSlicing), async (...drawn) => {
      const [split, apartBytes, slicing] = drawn;
      const stores = await openStores(apartBytes);
      try {
        for (const [events, settles] of split) {
          await stores.storeLines(events.map(one => JSON.stringify(one)));
          if (settles)
            for (const store of [stores.apart, stores.together]) await store.warehouse.maintenance.settleLate();
        }
        expect(await seen(stores.apart, slicing)).toEqual(await seen(stores.together, defaultSlicing));
      } finally {
        await stores.close();
      }
    }),
    { numRuns: process.env.SOAK ? 200 : 3 },
  );
});

const started = (service_id: string, more: object = {}) =>
  JSON.stringify({ event: 'service.started', service_id, timestamp: '2026-02-01T00:00:00Z', ...more });
const updated = (service_id: string, name: string, value: unknown) =>
  JSON.stringify({ event: 'extension.updated', entity: 'service', service_id, name, value });

describe('a row whose extensions are kept apart', () => {
  const open = async (apartBytes: number) => {
    const stores = await openStores(apartBytes);
    onTestFinished(stores.close);
    return stores.apart;
  };
  const apartOf = (store: TestStore) => store.rows('SELECT service_id, name FROM services_apart ORDER BY batch, place');

  test('is one with many bytes, or one that many batches wrote anew; small ones stay together', async () => {
    const store = await open(100);
    await store.storeLines([
      started('small', { extensions: { a: 'x' } }),
      started('large', { extensions: { a: 'x'.repeat(120) } }),
    ]);
    expect(await apartOf(store)).toEqual([['large', 'a']]);
    for (let batch = 0; batch < 6; batch += 1) await store.storeLines([updated('small', `n${batch}`, 'x'.repeat(10))]);
    const grown = (await apartOf(store)).filter(([id]) => id === 'small');
    expect(grown, 'a row of 70 bytes was written anew six times').not.toEqual([]);
  });

  test('is deleted with its service, and begins anew after it', async () => {
    const store = await open(8);
    await store.storeLines([started('one', { extensions: { old: 'x'.repeat(20) } })]);
    await store.storeLines(['{"event":"service.deleted","service_id":"one"}', updated('one', 'new', 1)]);
    expect(await store.rows('SELECT extensions FROM services')).toEqual([['{"new":1}']]);
    expect(await apartOf(store), 'the deleted values stayed in the file').toEqual([['one', 'new']]);
  });
});

test('the table of extensions that are kept apart decides after a restart, too', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const file = path.join(folder.path, 'test.duckdb');
  const first = await TestStore.open(file, { apartBytes: 50 });
  await first.storeLines([started('one', { extensions: { a: 'x'.repeat(80) } })]);
  await first.close();
  const second = await TestStore.open(file, { apartBytes: 50 });
  // Were it stored in the row, it would count as older than what is kept apart.
  await second.storeLines([updated('one', 'a', 'y')]);
  expect(await second.rows('SELECT extensions FROM services')).toEqual([['{"a":"y"}']]);
  await second.close();
});
