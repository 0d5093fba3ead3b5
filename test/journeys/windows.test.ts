import { describe, expect, test } from 'vitest';
import type { Selection } from '../../pipeline/export/selection.ts';
import { openTestStore } from '../support/store.ts';

const at = (hour: number, millisecond = 0) => new Date(Date.UTC(2026, 2, 1, hour, 0, 0, millisecond)).toISOString();
const event = (kind: string, service_id: string, timestamp: string, more: object = {}) =>
  JSON.stringify({ event: kind, service_id, timestamp, ...more });
const started = (service: string, time: string) => event('service.started', service, time);
const completed = (service: string, time: string) => event('service.completed', service, time);
const window = { timeFrom: Date.parse(at(10)), timeTo: Date.parse(at(11)) };

const ids = (bytes: Buffer) =>
  bytes
    .toString()
    .split('\n')
    .filter(Boolean)
    .map(line => line.split(',')[0]);

// contract 3.4, 3.5
test.each([
  ['any', 'any', ['S1', 'S2', 'S3', 'S5']],
  ['any', 'active', ['S2']],
  ['any', 'inactive', ['S1', 'S3', 'S5']],
  ['started', 'any', ['S1', 'S2', 'S5']],
  ['started', 'active', ['S2']],
  ['started', 'inactive', ['S1', 'S5']],
  ['completed', 'any', ['S3', 'S5']],
  ['completed', 'active', []],
  ['completed', 'inactive', ['S3', 'S5']],
] as const)('filter_events=%s, filter_state=%s', async (filterEvents, filterState, wanted) => {
  const store = await openTestStore();
  await store.storeLines([
    ...[started('S1', at(10, 100)), completed('S1', at(12))],
    started('S2', at(10, 200)),
    ...[started('S3', at(9)), completed('S3', at(10, 300))],
    started('S4', at(9)),
    ...[started('S5', at(10, 400)), completed('S5', at(10, 500))],
  ]);
  const { bytes, rows } = await store.exported('services', { ...window, filterEvents, filterState });
  expect(ids(bytes).toSorted()).toEqual(wanted);
  expect(rows).toBe(wanted.length);
});

describe('the edges of a window (contract 3.2, 3.4)', () => {
  test.each([
    ['an event exactly on time_from is inside', started('S', at(10)), 1],
    ['an event exactly on time_to is outside', started('S', at(11)), 0],
    ['the last millisecond is inside', started('S', at(10, 3_599_999)), 1],
    ['the millisecond before is outside', started('S', at(9, 3_599_999)), 0],
    ['an end without a start is selected by its end', completed('S', at(10)), 1],
    ['a state alone selects nothing', event('state.started', 'S', at(10), { state_id: 'x' }), 0],
  ])('%s', async (_, line, rows) => {
    const store = await openTestStore();
    await store.storeLines([line]);
    expect((await store.exported('services', window)).rows).toBe(rows);
  });

  test.each([
    ['1970-01-01T01:00:00Z', '2026-03-02T00:00:00Z', 1],
    ['1969-12-20T00:00:00Z', '1970-01-20T00:00:00Z', 0],
    ['0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z', 1],
  ])('a window from %s to %s', async (from, to, rows) => {
    const store = await openTestStore();
    await store.storeLines([started('S', at(10))]);
    const exported = await store.exported('services', { timeFrom: Date.parse(from), timeTo: Date.parse(to) });
    expect(exported.rows).toBe(rows);
  });

  // contract 3.8
  test.each(['any', 'started', 'completed'] as const satisfies readonly Selection['filterEvents'][])(
    'an empty result of %s is an empty file',
    async filterEvents => {
      const store = await openTestStore();
      const { bytes, rows } = await store.exported('services', { ...window, filterEvents });
      expect([bytes.length, rows]).toEqual([0, 0]);
    },
  );
});

test('a transition before its from-state started keeps both sides (contract 2.4)', async () => {
  const store = await openTestStore();
  await store.storeLines([
    started('S', at(10)),
    event('state.transitioned', 'S', at(10, 2), {
      from: { state_id: 'a', disposition: 'moved' },
      to: { state_id: 'b' },
    }),
    event('state.started', 'S', at(10, 1), { state_id: 'a', state_type: 'queue' }),
  ]);
  const rows = await store.rows(
    'SELECT state_id, state_type, previous_state_id, disposition, epoch_ms(end_timestamp) - epoch_ms(start_timestamp) FROM states ORDER BY 1',
  );
  expect(rows).toEqual([
    ['a', 'queue', null, 'moved', '1'],
    ['b', null, 'a', null, null],
  ]);
});

test('events after a deletion start the service again, in whichever table its rows were (contract 2.7)', async () => {
  const store = await openTestStore();
  const state = (name: string) => event('state.completed', 'S', at(10), { state_id: name });
  await store.storeLines([
    started('S', at(8)),
    completed('S', at(9)),
    state('closed'),
    event('state.started', 'S', at(9), { state_id: 'open' }),
  ]);
  await store.storeLines([JSON.stringify({ event: 'service.deleted', service_id: 'S' }), started('S', at(10))]);
  await store.storeLines([state('after')]);
  for (const settle of [false, true]) {
    if (settle) await store.warehouse.maintenance.settleLate();
    expect(await store.rows('SELECT epoch_ms(start_timestamp), end_timestamp FROM services')).toEqual([
      [String(Date.parse(at(10))), null],
    ]);
    expect(await store.rows('SELECT state_id FROM states')).toEqual([['after']]);
  }
});

test.each([
  ['to another row', [started('S', at(10))], event('state.started', 'S', at(10), { state_id: 'x' })],
  ['to its open row', [started('S', at(10))], completed('S', at(11))],
  ['to its closed row', [started('S', at(10)), completed('S', at(11))], completed('S', at(11))],
])('a service whose second partition adds %s is counted as split (contract 2.9)', async (_, first, second) => {
  const store = await openTestStore();
  await store.storeLines([...first, started('T', at(10))], 0);
  await store.storeLines([second], 1);
  const { splitServices } = await store.exported('services', window);
  expect(splitServices, 'an export could be called complete although the order of events is not known').toBe(1);
});

test('a selected service is exported completely, with its states and tasks outside of the window (contract 3.6)', async () => {
  const store = await openTestStore();
  await store.storeLines([
    started('S', at(10)),
    event('state.started', 'S', at(7), { state_id: 'before' }),
    event('state.completed', 'S', at(12), { state_id: 'after' }),
    event('task.started', 'S', at(13), { task_id: 'later' }),
    event('state.started', 'T', at(10), { state_id: 'of another' }),
  ]);
  const idsOf = async (kind: 'states' | 'tasks') =>
    (await store.exported(kind, window)).bytes
      .toString()
      .split('\n')
      .filter(Boolean)
      .map(line => line.split(',')[1]);
  expect([await idsOf('states'), await idsOf('tasks')]).toEqual([['before', 'after'], ['later']]);
});

test('a later start does not make an ended row active again (contract 2.8)', async () => {
  const store = await openTestStore();
  await store.storeLines([started('S', at(10)), completed('S', at(10, 1))]);
  await store.storeLines([started('S', at(10, 2)), event('state.started', 'S', at(10, 3), { state_id: 'x' })]);
  const { bytes } = await store.exported('services', { ...window, filterState: 'inactive' });
  expect(ids(bytes)).toEqual(['S']);
});

test('rows are in the order of their start, those without one last, then of the UTF-8 bytes of their ids (contract 4.17)', async () => {
  const store = await openTestStore();
  await store.storeLines([
    ...['🙂', '\uffff', 'ü', 'a', 'Z'].map(id => started(id, at(10, 1))),
    completed('A', at(10)),
    started('z', at(10)),
  ]);
  expect(ids((await store.exported('services', window)).bytes)).toEqual(['z', 'Z', 'a', 'ü', '\uffff', '🙂', 'A']);
});
