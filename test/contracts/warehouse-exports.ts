/** What every implementation of Warehouse must do for exports: snapshots and split services. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { Layout, Selection } from '../../pipeline/export/selection.ts';
import type { Warehouse } from '../../pipeline/ingest/warehouse.ts';
import { at, type EventVerb } from '../support/event-batches.ts';
import { batch, calls, dayOne, dayTwo, type OpenedWarehouse, otherCalls, start } from './warehouse.ts';

const layout: Layout = {
  ...{ format: 'ndjson', compression: 'uncompressed', separator: ',', header: false },
  ...{ extensions: 'none', extensionColumns: null },
};

function selectionOf(timeFrom: number, timeTo: number, more: Partial<Selection> = {}): Selection {
  return { timeFrom: at(timeFrom), timeTo: at(timeTo), filterEvents: 'any', filterState: 'any', ...more };
}

export function describeWarehouseExports(implementation: string, open: () => Promise<OpenedWarehouse>): void {
  let opened: OpenedWarehouse;
  let warehouse: Warehouse;
  beforeEach(async () => {
    opened = await open();
    ({ warehouse } = opened);
  });

  /** The selected services of a new snapshot, in order. */
  const servicesOf = async (selection: Selection) => {
    const snapshot = await opened.snapshots.snapshot(selection, layout);
    return { ...snapshot, ids: await idsOf(snapshot), close: await snapshot.close() };
  };
  const splitsOf = async () => {
    const snapshot = await opened.snapshots.snapshot(selectionOf(0, 100), layout);
    await snapshot.close();
    return snapshot.splitServices;
  };

  describe(`warehouse contract, snapshots: ${implementation}`, () => {
    test('a snapshot selects by start and end in [time_from, time_to), and by state (contract 3.2)', async () => {
      const ends = [
        ['service.completed', 'ended', 30],
        ['service.completed', 'end-only', 20],
      ] as const;
      const starts = [start('at-from', 20), start('before', 19), start('at-to', 40), start('ended', 10)];
      await warehouse.store(batch(calls, 0, [...starts, ...ends]));
      expect((await servicesOf(selectionOf(20, 40))).ids).toEqual(['ended', 'at-from', 'end-only']);
      expect((await servicesOf(selectionOf(20, 40, { filterEvents: 'started' }))).ids).toEqual(['at-from']);
      const completed = { filterEvents: 'completed', filterState: 'inactive' } as const;
      expect((await servicesOf(selectionOf(20, 40, completed))).ids).toEqual(['ended', 'end-only']);
      expect((await servicesOf(selectionOf(20, 40, { filterState: 'active' }))).ids).toEqual(['at-from']);
    });

    test('later events move a service between windows, and a deletion takes it away', async () => {
      await warehouse.store(batch(calls, 0, [start('a', 10), start('b', 11), start('c', 12)]));
      await warehouse.store(batch(calls, 3, [start('a', 50), ['service.deleted', 'b', 12]]));
      expect((await servicesOf(selectionOf(0, 20))).ids).toEqual(['c']);
      expect((await servicesOf(selectionOf(40, 60))).ids).toEqual(['a']);
    });

    test('a batch that sets one side of a service leaves the other', async () => {
      await warehouse.store(batch(calls, 0, [['service.completed', 'a', 10], start('b', 50)]));
      await warehouse.store(batch(calls, 2, [start('a', 30), ['service.completed', 'b', 60]]));
      expect((await servicesOf(selectionOf(0, 20))).ids).toEqual(['a']);
      expect((await servicesOf(selectionOf(20, 55))).ids).toEqual(['a', 'b']);
    });

    test('a snapshot shows one state: its services, its sources and its batch number stay', async () => {
      await warehouse.store(batch(calls, 0, [start('a', 10)]));
      await warehouse.store(batch(otherCalls, 0, [start('b', 11)]));
      const snapshot = await opened.snapshots.snapshot(selectionOf(0, 100), layout);
      await warehouse.store(batch(calls, 1, [start('c', 12), ['service.deleted', 'a', null]]));
      const next = await servicesOf(selectionOf(0, 100));
      expect(await idsOf(snapshot)).toEqual(['a', 'b']);
      expect(snapshot.sources.partitions.get('calls/0')).toMatchObject({ nextOffset: 1 });
      expect(next.ids).toEqual(['b', 'c']);
      expect(next.sources.partitions.get('calls/0')).toMatchObject({ nextOffset: 3 });
      expect([snapshot.batch, next.batch]).toEqual([2, 3]);
      await snapshot.close();
    });

    test('the batch numbers go on after a crash', async () => {
      await warehouse.store(batch(calls, 0, [start('a', 10)]));
      opened = await opened.reopen();
      await opened.warehouse.store(batch(calls, 1, [start('b', 10)]));
      expect((await servicesOf(selectionOf(0, 100))).batch).toBe(2);
    });
  });

  describe(`warehouse contract, split services (contract 2.9): ${implementation}`, () => {
    const file = { kind: 'file' } as const;

    test('a service from two partitions is split, one from several files is not', async () => {
      await warehouse.store(batch(dayOne, 0, [start('a', 1)], file));
      await warehouse.store(batch(dayTwo, 0, [['service.completed', 'a', 9]], file));
      expect(await splitsOf()).toBe(0);
      await warehouse.store(batch(calls, 0, [start('b', 1), start('c', 1)]));
      await warehouse.store(batch(otherCalls, 0, [['service.completed', 'b', 9]]));
      expect(await splitsOf()).toBe(1);
      await warehouse.store(batch(otherCalls, 1, [['service.completed', 'a', 9]]));
      expect(await splitsOf(), 'a file and a partition').toBe(2);
    });

    test.each<EventVerb>(['state.started', 'task.started', 'extension.updated', 'service.deleted'])(
      'an event %s of another log counts',
      async verb => {
        await warehouse.store(batch(calls, 0, [start('a', 1)]));
        await warehouse.store(batch(otherCalls, 0, [[verb, 'a', 2]]));
        await warehouse.store(batch(calls, 1, [start('a', 3)]));
        expect(await splitsOf()).toBe(1);
        opened = await opened.reopen();
        expect(await splitsOf(), 'after a restart').toBe(1);
      },
    );

    test.each<readonly [EventVerb, number | null]>([
      ['service.started', 1],
      ['service.completed', 1],
      ['state.started', 1],
    ])('events before a deletion count too: %s', async (verb, time) => {
      await warehouse.store(batch(otherCalls, 0, [[verb, 'a', time]]));
      await warehouse.store(batch(otherCalls, 1, [['service.deleted', 'a', null]]));
      await warehouse.store(batch(calls, 0, [start('a', 3)]));
      expect(await splitsOf()).toBe(1);
    });

    test('a service that one log deletes and begins again is not split', async () => {
      await warehouse.store(batch(calls, 0, [start('a', 1), ['service.completed', 'a', 2]]));
      await warehouse.store(batch(calls, 2, [['service.deleted', 'a', null], start('a', 3)]));
      await warehouse.store(batch(otherCalls, 0, [start('b', 1)]));
      expect(await splitsOf()).toBe(0);
    });
  });
}

async function idsOf(snapshot: Awaited<ReturnType<OpenedWarehouse['snapshots']['snapshot']>>) {
  const chunks: Uint8Array[] = [];
  await snapshot.write('services', async bytes => void chunks.push(Buffer.from(bytes)));
  const lines = Buffer.concat(chunks).toString().trimEnd().split('\n');
  return lines.filter(line => line !== '').map(line => String(JSON.parse(line).service_id));
}
