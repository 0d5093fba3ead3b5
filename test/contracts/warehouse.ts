/** What every implementation of Warehouse must do with positions and sources. The test file of each calls it. */
import { beforeEach, describe, expect, test } from 'vitest';
import { withAssigned, withLook, withTopics } from '../../pipeline/completeness/changes.ts';
import { withCoverage, withEnd, withGiven, withoutGiven } from '../../pipeline/completeness/ends.ts';
import type { Lateness, Source, Sources } from '../../pipeline/completeness/sources.ts';
import type { RequestStore } from '../../pipeline/export/request.ts';
import type { SnapshotReader } from '../../pipeline/export/snapshot.ts';
import type { Warehouse } from '../../pipeline/ingest/warehouse.ts';
import { partitionName } from '../../pipeline/partition.ts';
import { at, type BatchOf, batchOf, type EventVerb } from '../support/event-batches.ts';

export interface OpenedWarehouse {
  readonly warehouse: Warehouse;
  readonly snapshots: SnapshotReader;
  /** The export requests of the same store. */
  readonly requests: RequestStore;
  /** The store as the next process opens it after this one crashed. */
  reopen(): Promise<OpenedWarehouse>;
}

/** How a warehouse is opened. */
export const lateness: Lateness = { allowedMs: 5, clockMs: 10 };
export const storeClock = { now: () => at(500) };

export const calls = { topic: 'calls', partition: 0 };
export const otherCalls = { topic: 'calls', partition: 1 };
export const dayOne = { topic: 'file-day-1', partition: 0 };
export const dayTwo = { topic: 'file-day-2', partition: 0 };

type Given = Pick<BatchOf, 'kind' | 'next' | 'lost' | 'now' | 'ids' | 'keyFormat'>;

/** A batch whose events follow each other from offset `from` on: `[verb, service, time]`. */
export function batch(
  partition: BatchOf['partition'],
  from: number,
  events: readonly (readonly [EventVerb, string, number | null])[],
  given: Given = {},
) {
  const records = events.map(([event, service, time], index) => ({
    ...{ offset: from + index, event, service, time },
    logTime: given.kind === 'file' ? null : (time ?? 0),
  }));
  return batchOf({ partition, from, records, ...given });
}

export function start(service: string, time: number) {
  return ['service.started', service, time] as const;
}

export function sourceOf({ partitions }: Sources, partition: BatchOf['partition']): Source {
  return partitions.get(partitionName(partition))!;
}

function lookAt(time: number, high: number, stable = high) {
  const ends = [{ partition: calls, low: 0, stable, high }];
  return { at: at(time), ends, topics: new Map([['calls', 1]]) };
}

export function describeWarehouse(implementation: string, open: () => Promise<OpenedWarehouse>): void {
  describe(`warehouse contract: ${implementation}`, () => {
    let opened: OpenedWarehouse;
    let warehouse: Warehouse;
    beforeEach(async () => {
      opened = await open();
      ({ warehouse } = opened);
    });
    /** What the next process knows, which goes on with the test. */
    const reopened = async () => {
      opened = await opened.reopen();
      ({ warehouse } = opened);
      return warehouse.sources();
    };
    const looked = (time: number, high: number, stable = high) =>
      warehouse.note(sources => withLook(sources, lookAt(time, high, stable), sources));

    describe('positions (contract 2.10)', () => {
      test('a batch moves the position of its partition, and the next one begins there', async () => {
        await warehouse.store(batch(calls, 7, [start('a', 1), start('b', 2)]));
        await warehouse.store(batch(calls, 9, [start('c', 3)], { next: 12 }));
        await warehouse.store(batch(calls, 12, [], { next: 13 }));
        const position = { partition: calls, origin: 'calls', nextOffset: 13, bookmark: null };
        expect(warehouse.positions()).toEqual([position]);
        await reopened();
        expect(warehouse.positions()).toEqual([position]);
      });

      test.each([
        ['begins before the position', batch(calls, 1, [start('x', 1)])],
        ['leaves an offset out', batch(calls, 3, [start('x', 1)])],
        ['has a gap that ends before it', batch(calls, 9, [], { lost: { from: 2, to: 8, reason: 'deleted' } })],
        ['has a gap that begins elsewhere', batch(calls, 9, [], { lost: { from: 3, to: 9, reason: 'deleted' } })],
        ['ends before it begins', batch(calls, 2, [], { next: 1 })],
      ])('a batch that %s is refused and changes nothing', async (_, refused) => {
        await warehouse.store(batch(calls, 0, [start('a', 1), start('b', 2)]));
        const before = warehouse.sources();
        await expect(warehouse.store(refused)).rejects.toMatchObject({ code: 'STALE_BATCH', retry: true });
        expect(warehouse.sources()).toEqual(before);
        warehouse.beginReading();
        await warehouse.store(batch(calls, 2, [start('c', 3)]));
        expect(sourceOf(warehouse.sources(), calls)).toMatchObject({ nextOffset: 3, recordsRead: 3 });
      });

      test('batches are stored in the order of the calls; after one that fails none is stored until reading begins again', async () => {
        const stored = [batch(calls, 0, [start('a', 1)]), batch(calls, 5, []), batch(calls, 1, [start('b', 2)])];
        const outcomes = await Promise.allSettled(stored.map(each => warehouse.store(each)));
        expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
        const later = [batch(calls, 1, [start('b', 2)]), batch(otherCalls, 7, [start('c', 3)])];
        for (const each of later) await expect(warehouse.store(each)).rejects.toMatchObject({ code: 'STALE_BATCH' });
        expect(warehouse.sources().partitions).toHaveLength(1);
        expect(warehouse.beginReading()).toMatchObject([{ partition: calls, nextOffset: 1 }]);
        await warehouse.store(batch(calls, 1, [start('b', 2)]));
        expect(sourceOf(warehouse.sources(), calls)).toMatchObject({ nextOffset: 2, recordsRead: 2 });
      });
    });

    describe('what is known of the sources', () => {
      test('a batch adds what it read, and the highest time that was not later than the clock', async () => {
        await warehouse.store(batch(calls, 3, [start('a', 40), start('b', 90), start('c', 20)], { now: 50 }));
        await warehouse.store(batch(calls, 6, [['service.deleted', 'a', 45]], { now: 50 }));
        const known = { kind: 'live', firstOffset: 3, nextOffset: 7, firstTime: at(40), latestEvent: at(40) };
        const counts = { recordsRead: 4, applied: 4, quarantined: 0, end: null, gaps: [] };
        expect(sourceOf(warehouse.sources(), calls)).toMatchObject({ ...known, ...counts });
        expect(sourceOf(await reopened(), calls)).toMatchObject({ ...known, ...counts });
      });

      test('a gap keeps the watermark as it was met, and the time of the first record after it (contract 4.32)', async () => {
        await warehouse.record(sources => withAssigned(sources, [{ partition: calls, at: 0 }], 'broker'));
        looked(100, 1);
        await warehouse.store(batch(calls, 0, [start('a', 1)]));
        const lost = { from: 1, to: 4, reason: 'deleted' };
        await warehouse.store(batch(calls, 4, [], { lost }));
        const gap = { ...lost, watermark: at(90), timeAfter: null };
        expect(sourceOf(warehouse.sources(), calls).gaps).toEqual([gap]);
        expect(sourceOf(await reopened(), calls).gaps).toEqual([gap]);
        await warehouse.store(batch(calls, 4, [start('b', 70)]));
        await warehouse.store(batch(calls, 5, [start('c', 80)]));
        expect(sourceOf(warehouse.sources(), calls).gaps).toEqual([{ ...gap, timeAfter: at(70) }]);
        expect(sourceOf(await reopened(), calls).gaps).toEqual([{ ...gap, timeAfter: at(70) }]);
      });

      test('what is noted is there at once, and recorded with the next batch of its partition', async () => {
        await warehouse.store(batch(calls, 0, [start('a', 1)]));
        await warehouse.store(batch(otherCalls, 0, [start('b', 1)]));
        const lookAgain = () => {
          warehouse.note(sources => withAssigned(sources, [{ partition: calls, at: 1 }], 'broker'));
          looked(200, 1);
          expect(sourceOf(warehouse.sources(), calls)).toMatchObject({ vouchedAt: at(200), isListed: true });
        };
        lookAgain();
        expect(sourceOf(await reopened(), calls)).toMatchObject({ vouchedAt: null, isListed: false });
        lookAgain();
        await warehouse.store(batch(otherCalls, 1, [start('c', 1)]));
        expect(sourceOf(await reopened(), calls), 'a batch of another partition').toMatchObject({ vouchedAt: null });
        lookAgain();
        await warehouse.store(batch(calls, 1, [start('d', 1)]));
        const look = { at: at(200), stable: 1, high: 1 };
        expect(sourceOf(await reopened(), calls)).toMatchObject({ vouchedAt: at(200), isListed: true, look });
      });

      test('a batch does not record the topics and the declaration that are only noted', async () => {
        warehouse.note(sources => withCoverage(withTopics(sources, [{ topic: 'calls', declared: null }]), at(9)));
        await warehouse.store(batch(calls, 0, [start('a', 1)]));
        expect(await reopened()).toMatchObject({ topics: [], coversUntil: null });
      });

      test('a record has everything that was noted before it', async () => {
        await warehouse.store(batch(calls, 0, [start('a', 1)]));
        warehouse.note(sources => withTopics(sources, [{ topic: 'calls', declared: [0, 2] }]));
        looked(200, 5, 3);
        await warehouse.record(sources => withCoverage(sources, at(77)));
        const topics = [{ topic: 'calls', declared: [0, 2], partitions: 1, listedAt: at(200) }];
        const known = await reopened();
        expect(known).toMatchObject({ topics, coversUntil: at(77) });
        const look = { at: at(200), stable: 3, high: 5 };
        expect(sourceOf(known, calls)).toMatchObject({ look, vouchedAt: null, changed: null });
      });

      test('which partitions are read, and looks whose ends are not stored, are not kept', async () => {
        warehouse.note(sources => withAssigned(sources, [{ partition: calls, at: 0 }], 'broker'));
        looked(200, 5);
        await warehouse.record(sources => sources);
        expect(sourceOf(warehouse.sources(), calls)).toMatchObject({ assignedAt: 0, pending: [{ high: 5 }] });
        expect(sourceOf(await reopened(), calls)).toMatchObject({ assignedAt: null, pending: [], stableSince: null });
      });

      test('looks that are noted while a batch is being stored stay', async () => {
        warehouse.note(sources => withAssigned(sources, [{ partition: calls, at: 0 }], 'broker'));
        const stored = warehouse.store(batch(calls, 0, [start('a', 1)]));
        looked(200, 1);
        await stored;
        expect(sourceOf(warehouse.sources(), calls)).toMatchObject({ nextOffset: 1, vouchedAt: at(200) });
      });

      test('ends, by ingest and by hand, and a changed log are kept; a later batch makes the source live again', async () => {
        const byHand = { by: 'hand', who: 'ann', at: at(3) } as const;
        await warehouse.store(batch(dayOne, 0, [start('a', 1)], { kind: 'file' }));
        await warehouse.store(batch(calls, 0, [start('b', 1), start('c', 1)]));
        warehouse.note(sources => withLook(sources, lookAt(50, 1), sources));
        await warehouse.record(sources => withEnd(withEnd(sources, [dayOne], { by: 'ingest' }), [calls], byHand));
        const changed = expect.stringContaining('below the stored offset 2');
        const known = await reopened();
        expect(sourceOf(known, dayOne).end).toEqual({ by: 'ingest' });
        expect(sourceOf(known, calls)).toMatchObject({ end: byHand, changed });
        await warehouse.store(batch(dayOne, 1, [start('a', 1)], { kind: 'file' }));
        await warehouse.store(batch(calls, 2, [start('b', 1)]));
        const after = await reopened();
        expect(sourceOf(after, dayOne).end).toBeNull();
        expect(sourceOf(after, calls)).toMatchObject({ end: null, changed });
      });

      test('sources that ingest was given are recorded, and forgotten where it refused them', async () => {
        const given = [dayOne, dayTwo].map(partition => ({ ...partition, origin: `${partition.topic}.ndjson` }));
        const before = warehouse.sources();
        await warehouse.record(sources => withGiven(sources, given, 'file'));
        expect(sourceOf(await reopened(), dayTwo)).toMatchObject({
          kind: 'file',
          origin: 'file-day-2.ndjson',
          end: null,
        });
        await warehouse.record(sources => withoutGiven(sources, before, [dayTwo]));
        expect([...(await reopened()).partitions.keys()]).toEqual(['file-day-1/0']);
        await warehouse.store(batch(dayTwo, 0, [start('a', 1)], { kind: 'file' }));
        expect(sourceOf(await reopened(), dayTwo)).toMatchObject({ nextOffset: 1, end: null });
      });

      test('the readings of files are kept in their order; one that goes on where the last one ended is one with it', async () => {
        await warehouse.store(batch(dayOne, 0, [start('a', 1)], { kind: 'file' }));
        await warehouse.store(batch(calls, 0, [start('b', 1)]));
        await warehouse.store(batch(dayOne, 1, [start('c', 1)], { kind: 'file' }));
        await warehouse.store(batch(dayTwo, 0, [start('d', 1)], { kind: 'file' }));
        await warehouse.store(batch(dayOne, 2, [start('e', 1)], { kind: 'file' }));
        const readings = [
          { partition: dayOne, from: 0, next: 2 },
          { partition: dayTwo, from: 0, next: 1 },
          { partition: dayOne, from: 2, next: 3 },
        ];
        expect(warehouse.sources().readings).toEqual(readings);
        expect((await reopened()).readings).toEqual(readings);
      });
    });
  });
}
