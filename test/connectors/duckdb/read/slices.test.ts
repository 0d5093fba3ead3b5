import { readFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { locateRows } from '../../../../connectors/duckdb/read/located-rows.ts';
import { defaultSlicing, type Slicing } from '../../../../connectors/duckdb/read/slice-plan.ts';
import { cutSlices, joinRanges } from '../../../../connectors/duckdb/read/slices.ts';
import { DuckDbSnapshots } from '../../../../connectors/duckdb/snapshot.ts';
import { type FileKind, fileKinds, type Layout, type Selection } from '../../../../pipeline/export/selection.ts';
import { pickPlainly, plainCopyOptions, plainSelect, plainSplit } from '../../../support/plain-export.ts';
import { openTestStore, plainCsv, TestStore } from '../../../support/store.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

const minute = (number: number) => new Date(Date.UTC(2026, 0, 1, 0, number)).toISOString();
const all: Selection = {
  timeFrom: Date.UTC(2026, 0, 1),
  timeTo: Date.UTC(2027, 0, 1),
  filterEvents: 'any',
  filterState: 'any',
};
/** So small that a few hundred rows make several slices and have scattered rows. */
const small: Slicing = { rowsPerSlice: 30, bytesPerSlice: 1 << 20, blockRows: 20, fewBlocks: 1 };

async function exported(
  store: TestStore,
  slicing: Slicing,
  selection: Selection,
  more: Partial<Layout>,
  meanwhile = async (): Promise<unknown> => undefined,
) {
  const layout = { ...plainCsv, ...more };
  const snapshots = new DuckDbSnapshots(store.database, { maxExtensionColumns: 1000, slicing });
  const snapshot = await snapshots.snapshot(selection, layout);
  const files: Record<string, string> = {};
  try {
    for (const kind of fileKinds(layout.format)) {
      await meanwhile();
      const chunks: Uint8Array[] = [];
      await snapshot.write(kind, async bytes => void chunks.push(Buffer.from(bytes)));
      files[kind] = Buffer.concat(chunks).toString();
    }
    files.split = String(snapshot.splitServices);
    return files;
  } finally {
    await snapshot.close();
  }
}

/** The same files by one sorted SELECT over the views for each. */
async function exportedPlainly(store: TestStore, folder: string, selection: Selection) {
  const connection = await store.database.connect();
  const files: Record<string, string> = {};
  try {
    await pickPlainly(connection, selection);
    for (const kind of fileKinds('csv')) files[kind] = await plainFile(kind);
    files.split = String((await connection.runAndReadAll(plainSplit)).value(0, 0));
    return files;
  } finally {
    connection.closeSync();
  }

  async function plainFile(kind: FileKind): Promise<string> {
    const file = path.join(folder, `${kind}.csv`);
    await connection.run(`COPY (${plainSelect(kind, selection)}) TO '${file}' (${plainCopyOptions})`);
    return readFile(file, 'utf8');
  }
}

const id = (letter: string, most: number) => fc.integer({ min: 1, max: most }).map(number => `${letter}${number}`);
const kinds = ['service.started', 'service.completed', 'service.associated', 'service.deleted'] as const;
const parts = ['state.started', 'state.completed', 'task.started', 'task.completed'] as const;
const common = { service_id: id('s', 40), timestamp: fc.nat(600).map(minute) };
const events = fc.oneof(
  { weight: 5, arbitrary: fc.record({ event: fc.constantFrom(...kinds.slice(0, 2)), ...common }) },
  {
    weight: 1,
    arbitrary: fc.record({ event: fc.constantFrom(...kinds.slice(2)), ...common, customer_id: id('c', 3) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      event: fc.constantFrom(...parts),
      ...common,
      state_id: id('t', 4),
      task_id: id('k', 4),
      extensions: fc.option(fc.dictionary(id('e', 5), fc.nat(3), { minKeys: 1, maxKeys: 2 }), { nil: undefined }),
    }),
  },
);

test('slices make the same file as one sorted query, whatever the rows and wherever they lie in the tables', {
  timeout: process.env.SOAK ? 1_800_000 : 300_000,
}, async () => {
  const batches = fc.array(fc.tuple(fc.array(events, { minLength: 20, maxLength: 120 }), fc.boolean(), fc.nat(1)), {
    minLength: 1,
    maxLength: 5,
  });
  const selection = fc.record({
    timeFrom: fc.constantFrom(0, 200).map(number => Date.parse(minute(number))),
    timeTo: fc.constantFrom(400, 1000).map(number => Date.parse(minute(number))),
    filterEvents: fc.constantFrom('any', 'started', 'completed'),
    filterState: fc.constantFrom('any', 'active', 'inactive'),
  }) as fc.Arbitrary<Selection>;
  await fc.assert(
    fc.asyncProperty(batches, selection, async (split, wanted) => {
      const folder = await temporaryFolder();
      const store = await TestStore.open(path.join(folder.path, 'slices.duckdb'));
      try {
        for (const [batch, settles, partition] of split) {
          await store.storeLines(
            batch.map(event => JSON.stringify(event)),
            partition,
          );
          if (settles) await store.warehouse.maintenance.settleLate();
        }
        const none = { extensions: 'none' } as const;
        expect(await exported(store, small, wanted, none)).toEqual(await exportedPlainly(store, folder.path, wanted));
        for (const layout of [{ extensions: 'columns' }, { extensions: 'json' }, { format: 'json' }] as const) {
          const whole = await exported(store, defaultSlicing, wanted, layout);
          expect(await exported(store, small, wanted, layout)).toEqual(whole);
        }
      } finally {
        await store.close();
        await folder.remove();
      }
    }),
    { numRuns: process.env.SOAK ? 300 : process.env.CI === 'true' ? 30 : 15 },
  );
});

// Their copies in the export's transaction have rowids above 2^55.
test('rows that late fragments change are exported whole, whatever the sizes of slices and blocks', async () => {
  const store = await openTestStore();
  const numbers = Array.from({ length: 60 }, (_, number) => number);
  await store.storeLines(numbers.flatMap(number => whole(number, number)));
  await store.storeLines(
    numbers.map(number => line('service.associated', number, number, { customer_id: `c${number}` })),
  );
  const expected = await exported(store, defaultSlicing, all, {});
  for (const [rowsPerSlice, blockRows] of [
    [1, 1],
    [2, 2],
    [7, 3],
    [60, 7],
  ])
    expect(await exported(store, { ...small, rowsPerSlice: rowsPerSlice!, blockRows: blockRows! }, all, {})).toEqual(
      expected,
    );
});

const line = (event: string, service: number, at: number, more: object = {}) =>
  JSON.stringify({ event, service_id: `s${service}`, timestamp: minute(at), ...more });
const whole = (service: number, at: number) => [
  line('service.started', service, at),
  line('service.completed', service, at + 1),
];

test('an export has the same bytes when rows are stored, settled and moved meanwhile (contract 3.7)', async () => {
  const store = await openTestStore();
  const numbers = Array.from({ length: 200 }, (_, number) => number);
  const states = (number: number, at: number) =>
    ['a', 'b'].map(id => line('state.completed', number, at, { state_id: id }));
  await store.storeLines(numbers.flatMap(number => [...whole(number, number), ...states(number, number)]));
  const before = await exported(store, small, all, {});
  let round = 0;
  const meanwhile = async () => {
    round += 1;
    const changed = numbers.filter(number => number % 5 === round);
    await store.storeLines(
      changed.flatMap(number => [line('service.deleted', number, 0), ...whole(number, number + 9)]),
    );
    await store.storeLines(changed.flatMap(number => [...states(number, 500), ...states(number + 1, 600)]));
    await store.warehouse.maintenance.settleLate();
    await store.warehouse.maintenance.moveFirstOpen(Number.NEGATIVE_INFINITY);
    await store.rows('CHECKPOINT');
  };
  expect(await exported(store, small, all, {}, meanwhile)).toEqual(before);
  expect(await exported(store, small, all, {})).not.toEqual(before);
});

describe('the ranges that slices read', () => {
  const cut = async (lines: readonly string[]) => {
    const store = await openTestStore();
    await store.storeLines(lines);
    const located = await locateRows(store.database, all);
    onTestFinished(() => located.connection.closeSync());
    const ranks = [0, 1, 2].map(slice => ({
      firstRank: slice * 40 + 1,
      lastRank: slice * 40 + 40,
      hasLongTexts: false,
    }));
    return cutSlices(located, 'service', { servicesPerSlice: 40, ranks, slicing: small });
  };

  test('are the blocks of each slice, joined, when rows are in time order', async () => {
    const slices = await cut(Array.from({ length: 120 }, (_, number) => whole(number, number)).flat());
    expect(slices).toEqual(
      [0, 1, 2].map(slice => ({
        firstRank: slice * 40 + 1,
        hasLongTexts: false,
        lastRank: slice * 40 + 40,
        ranges: [{ part: 1, first: BigInt(slice * 40), last: BigInt(slice * 40 + 39) }],
        hasScattered: false,
      })),
    );
  });

  test('do not grow by a single row far away, which becomes a scattered row', async () => {
    const slices = await cut([
      ...whole(200, 100),
      ...Array.from({ length: 119 }, (_, number) => whole(number, number)).flat(),
    ]);
    expect(slices.every(({ hasScattered }) => hasScattered)).toBe(true);
    for (const { ranges } of slices) {
      expect(ranges.reduce((rows, { first, last }) => rows + Number(last + 1n - first), 0)).toBeLessThanOrEqual(60);
    }
  });

  test.each([
    [
      'few enough ranges stay as they are',
      3,
      [
        [0, 9],
        [20, 29],
        [100, 109],
      ],
    ],
    [
      'the ranges with the narrowest gap are joined first',
      2,
      [
        [0, 29],
        [100, 109],
      ],
    ],
    ['all are joined into one', 1, [[0, 109]]],
  ])('of scattered rows: %s', (_, most, wanted) => {
    const range = (first: number, last: number, part = 1) => ({ part, first: BigInt(first), last: BigInt(last) });
    const given = [range(0, 9), range(20, 29), range(100, 109)];
    expect(joinRanges(given, most)).toEqual(wanted.map(([first, last]) => range(first!, last!)));
    expect(
      joinRanges([range(0, 9, 0), range(10, 19, 1)], most),
      'ranges of different tables are not joined',
    ).toHaveLength(2);
  });
});
