import { describe, expect, test } from 'vitest';
import type { BatchFacts } from '../../../pipeline/completeness/batch-facts.ts';
import {
  mustVouch,
  noSources,
  positionsOf,
  type Source,
  type Sources,
} from '../../../pipeline/completeness/sources.ts';
import { afterBatch, liveSource, sourcesOf } from '../../support/event-sources.ts';

const byHand = { by: 'hand', who: 'ben', at: 5 } as const;
const partition = { topic: 'calls', partition: 0 };
const calls = (sources: Sources): Source => sources.partitions.get('calls/0')!;
const upTo = (nextOffset: number) => ({ next: { nextOffset, bookmark: null } });

describe('a batch', () => {
  test('makes its source known, with where its first reading began (contract 4.31)', () => {
    const source = calls(
      afterBatch(noSources, { next: { nextOffset: 15, bookmark: 'b' }, firstRecordTime: 70, latestEvent: 60 }),
    );
    expect(source).toEqual({
      held: null,
      ...{ partition, origin: 'kafka', kind: 'live', isListed: false, assignedAt: null },
      ...{ firstOffset: 10, nextOffset: 15, bookmark: 'b', ids: null, lastRecord: null, firstTime: 70 },
      ...{ recordsRead: 5, applied: 4, quarantined: 1, latestEvent: 60, end: null },
      ...{ vouchedAt: null, look: null, stableSince: null, pending: [], changed: null, gaps: [] },
    });
    expect(mustVouch(source), 'something was stored from it').toBe(true);
  });

  test('moves the position and adds to the counts of a known one', () => {
    const first = afterBatch(noSources, { firstRecordTime: null, latestEvent: 60 });
    const second = afterBatch(first, {
      from: 15,
      ...upTo(18),
      recordsRead: 3,
      applied: 3,
      quarantined: 0,
      firstRecordTime: 80,
      latestEvent: 50,
    });
    expect(calls(second)).toMatchObject({
      ...{ firstOffset: 10, nextOffset: 18, firstTime: 80, latestEvent: 60 },
      ...{ recordsRead: 8, applied: 7, quarantined: 1 },
    });
    expect(positionsOf(second)).toEqual([{ partition, origin: 'kafka', nextOffset: 18, bookmark: null }]);
    expect(calls(afterBatch(second, { from: 18, ...upTo(20), firstRecordTime: 90, latestEvent: 70 }))).toMatchObject({
      firstTime: 80,
      latestEvent: 70,
    });
  });

  test('of an ended source makes it live again (contract 4.27)', () => {
    for (const end of [byHand, { by: 'ingest' } as const])
      expect(calls(afterBatch(sourcesOf([liveSource(0, { end })])))).toMatchObject({ end: null, kind: 'live' });
  });

  test('changes no other source', () => {
    const other = liveSource(1);
    expect(afterBatch(sourcesOf([other])).partitions.get('calls/1')).toBe(other);
  });
});

describe('a gap (contract 4.32)', () => {
  const lost = { from: 10, to: 30, reason: 'deleted' };

  test('keeps the watermark that the source had, and the time of the first record after it', () => {
    const before = sourcesOf([liveSource(0, { vouchedAt: 50_000 })]);
    const { gaps } = calls(afterBatch(before, { lost, from: 30, ...upTo(31), firstRecordTime: 70 }));
    expect(gaps).toEqual([{ ...lost, watermark: 40_000, timeAfter: 70 }]);
  });

  test('of a batch without records gets its time from the next batch that has one', () => {
    const none = { firstRecordTime: null };
    const met = afterBatch(sourcesOf([liveSource(0)]), { lost, from: 30, ...upTo(30), ...none });
    expect(calls(met).gaps).toEqual([{ ...lost, watermark: null, timeAfter: null }]);
    const later = afterBatch(afterBatch(met, { from: 30, ...upTo(31), ...none }), {
      from: 31,
      ...upTo(32),
      firstRecordTime: 90,
    });
    expect(calls(later).gaps).toEqual([{ ...lost, watermark: null, timeAfter: 90 }]);
    expect(calls(afterBatch(later, { from: 32, ...upTo(33), firstRecordTime: 99 })).gaps).toBe(calls(later).gaps);
  });

  test('before the first record of a partition is its beginning', () => {
    const { firstOffset, gaps } = calls(
      afterBatch(noSources, { lost: { ...lost, from: 0 }, from: 30, ...upTo(31), firstRecordTime: 70 }),
    );
    expect([firstOffset, gaps]).toEqual([0, [{ from: 0, to: 30, reason: 'deleted', watermark: null, timeAfter: 70 }]]);
  });

  test('is added to earlier ones', () => {
    const first = afterBatch(sourcesOf([liveSource(0)]), { lost, from: 30, ...upTo(31), firstRecordTime: 70 });
    const second = afterBatch(first, {
      lost: { from: 31, to: 35, reason: 'damaged' },
      from: 35,
      ...upTo(36),
      firstRecordTime: 80,
    });
    expect(calls(second).gaps.map(({ from, timeAfter }) => [from, timeAfter])).toEqual([
      [10, 70],
      [31, 80],
    ]);
  });
});

describe('the list of readings (contract 2.17)', () => {
  const of = (topic: string, from: number, next: number) =>
    ({ partition: { topic, partition: 0 }, kind: 'file', from, ...upTo(next) }) as const;
  const listed = (...batches: readonly Partial<BatchFacts>[]) =>
    batches
      .reduce<Sources>((sources, batch) => afterBatch(sources, batch), noSources)
      .readings.map(reading => [reading.partition.topic, reading.from, reading.next]);

  test('a batch that goes on where the last reading ended is one with it', () => {
    expect(listed(of('a', 0, 5), of('a', 5, 9))).toEqual([['a', 0, 9]]);
  });

  test('a file that is read again after another has two readings', () => {
    expect(listed(of('a', 0, 5), of('b', 0, 3), of('a', 5, 9), of('a', 9, 10))).toEqual([
      ['a', 0, 5],
      ['b', 0, 3],
      ['a', 5, 10],
    ]);
  });

  test('a reading that does not go on where the last ended is another one', () => {
    expect(listed(of('a', 0, 5), of('a', 6, 9))).toHaveLength(2);
  });

  test.each(['live', 'folder'] as const)('a partition that is %s has an order of its own and is not listed', kind => {
    expect(listed({ ...of('a', 0, 5), kind })).toEqual([]);
  });
});
