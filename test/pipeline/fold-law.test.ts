import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TestStore } from '../support/store.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** The law of the contract's section 2 in its shortest form, against which the real fold is judged. */
type Row = Record<string, unknown> & { extensions: Map<string, unknown> };
type RawEvent = Record<string, unknown> & { event: string; service_id: string };

const occasion = [
  'session_id',
  'interaction_id',
  'application_type',
  'application_id',
  'resource_type',
  'resource_id',
  'media_type',
];
const own = [
  'service_type',
  'customer_id',
  'contact_key',
  'state_type',
  'previous_state_id',
  'task_type',
  'est_duration',
  'disposition',
  'disposition_desc',
];

function referenceFold(events: readonly RawEvent[]): Map<string, Row> {
  const rows = new Map<string, Row>();
  const set = (entity: string, event: RawEvent, id: unknown, side: string | null, more: object = {}): void => {
    const key = JSON.stringify([entity, event.service_id, id]);
    const row: Row = rows.get(key) ?? { extensions: new Map() };
    rows.set(key, row);
    const said: Record<string, unknown> = { ...event, ...more };
    if (side !== null) {
      for (const name of own) if (said[name] !== undefined) row[name] = String(said[name]);
      if (entity === 'task' && side === 'start' && said.state_id !== undefined) row.state_id = said.state_id;
      for (const name of occasion) if (said[name] !== undefined) row[`${side}_${name}`] = String(said[name]);
      if (event.event !== 'service.associated') row[`${side}_timestamp`] = said.timestamp;
    }
    for (const [name, value] of Object.entries(said.extensions ?? {})) row.extensions.set(name, value);
  };
  for (const event of events) {
    const [entity = '', verb] = event.event.split('.');
    const side = verb === 'completed' ? 'end' : 'start';
    if (verb === 'deleted')
      for (const key of [...rows.keys()]) if (JSON.parse(key)[1] === event.service_id) rows.delete(key);
    if (verb === 'updated')
      set(String(event.entity), event, event[`${event.entity}_id`], null, {
        extensions: { [String(event.name)]: event.value },
      });
    if (verb === 'transitioned') {
      const { from, to } = event as unknown as { from: { state_id: string }; to: { state_id: string } };
      set('state', event, from.state_id, 'end', { ...from, extensions: {} });
      set('state', event, to.state_id, 'start', { ...to, previous_state_id: from.state_id });
    }
    if (verb === 'started' || verb === 'completed' || verb === 'associated')
      set(entity, event, event[`${entity}_id`], side);
  }
  return rows;
}

/** The same shape from the tables. */
async function storedRows(store: TestStore): Promise<Map<string, Row>> {
  const rows = new Map<string, Row>();
  for (const entity of ['service', 'state', 'task']) {
    const found = await store.rows(`SELECT to_json(x)::VARCHAR FROM ${entity}s x`);
    for (const [text] of found) {
      const { service_id, is_anonymous: _, extensions, ...columns } = JSON.parse(String(text));
      const id = entity === 'service' ? service_id : columns[`${entity}_id`];
      if (entity !== 'service') delete columns[`${entity}_id`];
      const row: Row = { extensions: new Map(Object.entries(extensions === null ? {} : JSON.parse(extensions))) };
      for (const [name, value] of Object.entries(columns)) if (value !== null) row[name] = asGiven(name, value);
      const key = JSON.stringify([entity, service_id, id]);
      expect(rows.has(key), `${key} is there twice`).toBe(false);
      rows.set(key, row);
    }
  }
  return rows;
}

function asGiven(name: string, value: unknown): unknown {
  return name.endsWith('_timestamp') ? new Date(`${String(value).replace(' ', 'T')}Z`).toISOString() : String(value);
}

/** As lists, because the order of extensions is part of the law and maps compare without it. */
function listed(rows: ReadonlyMap<string, Row>): unknown {
  return [...rows].map(([key, row]) => [key, { ...row, extensions: [...row.extensions] }]).toSorted();
}

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
const id = (letter: string) => fc.integer({ min: 1, max: 3 }).map(number => `${letter}${number}`);
const timestamp = fc
  .integer({ min: 0, max: 20 })
  .map(minute => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString());
const extensions = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom<unknown>(1, 'x', null, { y: [2] }), {
  maxKeys: 2,
});
const common = {
  service_id: id('s'),
  timestamp,
  session_id: optional(fc.constantFrom('one', '', 'three')),
  media_type: optional(fc.integer({ min: 0, max: 3 })),
  extensions: optional(extensions),
};
const ending = {
  disposition: optional(fc.constantFrom('ok', 'no')),
  disposition_desc: optional(fc.constantFrom('', 'words')),
};
const starting = { est_duration: optional(fc.nat(99)) };
const kind = <T extends object>(event: string, fields: T) =>
  fc.record({ event: fc.constant(event), ...common, ...fields } as never) as fc.Arbitrary<RawEvent>;

const events = fc.oneof(
  kind('service.started', { ...starting, customer_id: optional(fc.constantFrom('c', 'd')) }),
  kind('service.associated', { customer_id: fc.constantFrom('e', 'f') }),
  kind('service.completed', ending),
  fc.record({ event: fc.constant('service.deleted'), service_id: id('s') }),
  kind('state.started', { ...starting, state_id: id('t'), state_type: optional(fc.nat(5)) }),
  kind('state.completed', { ...ending, state_id: id('t') }),
  kind('state.transitioned', {
    from: fc.record({ state_id: id('t'), ...ending }),
    to: fc.record({ state_id: id('t'), ...starting }),
  }),
  kind('task.started', { ...starting, task_id: id('k'), state_id: optional(id('t')) }),
  kind('task.completed', { ...ending, task_id: id('k') }),
  fc.record({
    event: fc.constant('extension.updated'),
    service_id: id('s'),
    entity: fc.constantFrom('service', 'state', 'task'),
    state_id: id('t'),
    task_id: id('k'),
    name: fc.constantFrom('a', 'b'),
    value: fc.constantFrom<unknown>(null, 5, []),
  }),
) as fc.Arbitrary<RawEvent>;

/** After a batch: go on, close and open again as after a crash between transactions, or settle. */
const between = fc.constantFrom('go on', 'go on', 'reopen', 'settle');

test('any events, any split into batches, any reopening give the rows of the reference fold', {
  timeout: 300_000,
}, async () => {
  const batches = fc.array(fc.tuple(fc.array(events, { minLength: 1, maxLength: 12 }), between), {
    minLength: 1,
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(batches, async split => {
      const folder = await temporaryFolder();
      const database = path.join(folder.path, 'law.duckdb');
      let store = await TestStore.open(database);
      try {
        for (const [batch, then] of split) {
          await store.storeLines(batch.map(event => JSON.stringify(event)));
          if (then === 'settle') await store.warehouse.settle();
          if (then !== 'reopen') continue;
          await store.close();
          store = await TestStore.open(database);
        }
        const wanted = referenceFold(split.flatMap(([batch]) => batch));
        expect(listed(await storedRows(store))).toEqual(listed(wanted));
      } finally {
        await store.close();
        await folder.remove();
      }
    }),
    { numRuns: process.env.CI === 'true' ? 80 : 30 },
  );
});
