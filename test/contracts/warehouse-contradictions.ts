/** What every implementation of Warehouse must do to complete exports that later batches contradict. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { Manifest } from '../../pipeline/export/manifest.ts';
import type { Selection } from '../../pipeline/export/selection.ts';
import type { Warehouse } from '../../pipeline/ingest/warehouse.ts';
import { at, type EventVerb } from '../support/event-batches.ts';
import { recordOf } from './request-store.ts';
import { batch, calls, dayOne, type OpenedWarehouse, start } from './warehouse.ts';

export function describeContradictions(implementation: string, open: () => Promise<OpenedWarehouse>): void {
  describe(`warehouse contract, contradictions (contract 4.29): ${implementation}`, () => {
    let opened: OpenedWarehouse;
    let warehouse: Warehouse;

    /** An export of [20, 40) is watched; `begin` has stored what is in its snapshot. */
    const watch = (filterEvents: Selection['filterEvents'] = 'any', requestId = 'e') =>
      warehouse.watch({ requestId, timeFrom: at(20), timeTo: at(40), filterEvents });
    let next = 0;
    beforeEach(async () => {
      opened = await open();
      ({ warehouse } = opened);
      const stored = [start('in', 25), start('before', 5), start('after', 60), start('gone', 30)];
      await warehouse.store(batch(calls, 0, [...stored, ['service.completed', 'in', 70]]));
      next = 5;
    });
    const stores = (...events: readonly (readonly [EventVerb, string, number | null])[]) => {
      const from = next;
      next += events.length;
      return warehouse.store(batch(calls, from, events));
    };

    test.each<readonly [string, readonly [EventVerb, string, number | null]]>([
      ['a new service in the window', ['service.started', 'new', 39]],
      ['an end in the window', ['service.completed', 'before', 20]],
      ['a start that moves into the window', ['service.started', 'after', 20]],
      ['a start that moves out of it, with a time after it', ['service.started', 'gone', 40]],
      ['a start that moves out of it, with a time before it', ['service.started', 'gone', 19]],
      ['a deletion', ['service.deleted', 'in', null]],
      ['an early state of a selected service', ['state.started', 'in', 3]],
      ['an early task of a selected service', ['task.started', 'in', 39]],
      ['an early end of a selected service', ['service.completed', 'in', 39]],
      ['an early association', ['service.associated', 'in', 39]],
      ['an early extension', ['extension.updated', 'in', 39]],
    ])('%s contradicts', async (_, event) => {
      watch();
      expect(await stores(event)).toEqual(['e']);
    });

    test('an event without a time contradicts, because it may belong before the end', async () => {
      await warehouse.store(batch(dayOne, 0, [start('filed', 30)], { kind: 'file' }));
      watch();
      const untimed = batch(dayOne, 1, [['service.associated', 'filed', null]], { kind: 'file' });
      expect(await warehouse.store(untimed)).toEqual(['e']);
    });

    test.each<readonly [string, readonly [EventVerb, string, number | null]]>([
      ['a new service after the window', ['service.started', 'new', 40]],
      ['a new service before it', ['service.started', 'new', 19]],
      ['a later end of a selected service', ['service.completed', 'gone', 40]],
      ['a later state of a selected service', ['state.started', 'in', 40]],
      ['a later start that is set again', ['service.started', 'after', 61]],
      ['an early state of another service', ['state.started', 'before', 25]],
      ['the deletion of another service', ['service.deleted', 'after', null]],
    ])('%s contradicts nothing', async (_, event) => {
      watch();
      expect(await stores(event)).toEqual([]);
    });

    test('filter_events decides which services are selected', async () => {
      watch('started', 's');
      watch('completed', 'c');
      expect(await stores(['service.completed', 'before', 20])).toEqual(['c']);
      expect(await stores(['service.started', 'new', 20])).toEqual(['s']);
    });

    test('events are judged one after another: a move out of the window and back contradicts', async () => {
      watch();
      expect(await stores(['service.started', 'gone', 60], ['service.started', 'gone', 30])).toEqual(['e']);
    });

    test('a window counts from the watch until its end', async () => {
      expect(await stores(['service.started', 'one', 30])).toEqual([]);
      watch();
      warehouse.unwatch('e');
      expect(await stores(['service.started', 'two', 30])).toEqual([]);
    });

    test('of the batches after the snapshot the first is named, and services are added up (contract 4.30)', async () => {
      await requestIs('publishing', 2);
      watch();
      await stores(['service.started', 'in-the-snapshot', 30]);
      await stores(['state.started', 'after', 1], ['service.started', 'one', 30], ['service.started', 'two', 30]);
      await stores(['state.started', 'one', 3]);
      await opened.requests.update('e', { state: 'completed' });
      const changedSince = { at: at(500), topic: 'calls', partition: 0, offset: 7, services: 3 };
      expect(await opened.requests.find('e')).toMatchObject({ changedSince });
    });

    test('a complete export is watched by later processes, and by no other', async () => {
      await requestIs('completed', 1, 'complete', 'complete');
      await requestIs('publishing', 1, 'complete', 'published');
      await requestIs('completed', 1, 'provisional', 'provisional');
      await requestIs('running', 1, 'complete', 'run-again');
      opened = await opened.reopen();
      ({ warehouse } = opened);
      expect((await stores(['service.deleted', 'in', null])).toSorted()).toEqual(['complete', 'published']);
    });

    test('an export that is run again starts anew', async () => {
      await requestIs('running', null);
      watch();
      await stores(['service.started', 'one', 30]);
      opened = await opened.reopen();
      ({ warehouse } = opened);
      watch();
      await opened.requests.update('e', { state: 'publishing', manifest: manifestOf('complete'), snapshotBatch: 2 });
      await opened.requests.update('e', { state: 'completed' });
      expect(await opened.requests.find('e')).toMatchObject({ changedSince: null });
      await stores(['service.started', 'two', 30]);
      expect(await opened.requests.find('e')).toMatchObject({ changedSince: { offset: 6, services: 1 } });
    });

    const requestIs = async (
      state: 'running' | 'publishing' | 'completed',
      snapshotBatch: number | null,
      status: 'complete' | 'provisional' = 'complete',
      requestId = 'e',
    ) => {
      const { plan, ...record } = recordOf(requestId);
      const parameters = { ...plan.parameters, timeFrom: at(20), timeTo: at(40) };
      await opened.requests.insert({ ...record, plan: { ...plan, parameters, timeTo: at(40) } });
      await opened.requests.update(requestId, { state, manifest: manifestOf(status), snapshotBatch });
    };
  });
}

/** Of a manifest only the status matters here. */
function manifestOf(status: 'complete' | 'provisional'): Manifest {
  return { status, files: [] } as unknown as Manifest;
}
