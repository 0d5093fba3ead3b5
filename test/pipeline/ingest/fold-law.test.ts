import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { listed, type RawEvent, referenceFold, storedRows } from '../../support/reference-fold.ts';
import { TestStore } from '../../support/store.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
/** Few, so that the events of a batch meet in the same rows. */
const id = (letter: string, count = 2) => fc.integer({ min: 1, max: count }).map(number => `${letter}${number}`);
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

const states = id('t', 3);
const transition = kind('state.transitioned', {
  from: fc.record({ state_id: states, ...ending }),
  to: fc.record({ state_id: states, ...starting }),
});

const events = fc.oneof(
  // Often, because only two transitions into one state of one batch show which of them wins.
  { weight: 4, arbitrary: transition },
  kind('service.started', { ...starting, customer_id: optional(fc.constantFrom('c', 'd')) }),
  kind('service.associated', { customer_id: fc.constantFrom('e', 'f') }),
  kind('service.completed', ending),
  fc.record({ event: fc.constant('service.deleted'), service_id: id('s') }),
  kind('state.started', {
    ...starting,
    state_id: states,
    state_type: optional(fc.nat(5)),
    previous_state_id: optional(states),
  }),
  kind('state.completed', { ...ending, state_id: states }),
  kind('task.started', { ...starting, task_id: id('k'), state_id: optional(states) }),
  kind('task.completed', { ...ending, task_id: id('k') }),
  fc.record({
    event: fc.constant('extension.updated'),
    service_id: id('s'),
    entity: fc.constantFrom('service', 'state', 'task'),
    state_id: states,
    task_id: id('k'),
    name: fc.constantFrom('a', 'b'),
    value: fc.constantFrom<unknown>(null, 5, []),
  }),
) as fc.Arbitrary<RawEvent>;

/** After a batch: go on, close and open again as after a crash between transactions, or what keeps the tables small. */
const between = fc.constantFrom('go on', 'go on', 'reopen', 'settle', 'move');

// contract 2.1, 2.2, 2.3, 2.4, 2.5, 2.6, 2.7, 2.8
test('any events, split into any batches with any restarts, give the rows of the reference fold', {
  timeout: process.env.SOAK ? 1_200_000 : 300_000,
}, async () => {
  const batches = fc.array(fc.tuple(fc.array(events, { minLength: 1, maxLength: 24, size: 'max' }), between), {
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
          if (then === 'settle') await store.warehouse.maintenance.settleLate();
          if (then === 'move') await store.warehouse.maintenance.moveFirstOpen(Number.NEGATIVE_INFINITY);
          if (then !== 'reopen') continue;
          await store.close();
          store = await TestStore.open(database);
        }
        const wanted = referenceFold(split.flatMap(([batch]) => batch));
        expect(listed(await storedRows(sql => store.rows(sql)))).toEqual(listed(wanted));
      } finally {
        await store.close();
        await folder.remove();
      }
    }),
    { numRuns: process.env.SOAK ? 300 : process.env.CI === 'true' ? 50 : 30 },
  );
});
