import { describe, expect, test } from 'vitest';
import { endPartition, listPartitions } from '../../../ops/service/partition-list.ts';
import type { Source } from '../../../pipeline/completeness/sources.ts';
import { endedFile, followedTopic, liveSource, sourcesOf } from '../../support/event-sources.ts';
import { NotedSources } from '../../support/noted-sources.ts';

const at = Date.parse('2026-03-01T10:00:00Z');
const byHand = { by: 'hand', who: 'ben', at } as const;
const lateness = { allowedMs: 3_000, clockMs: 10_000 };

const listed = (source: Source) => listPartitions(sourcesOf([source]), lateness)[0]!;

test('a live partition is listed with its offsets, its watermark and what that rests on (contract 4.23)', () => {
  expect(listed(liveSource(0, { firstOffset: 2, vouchedAt: at }))).toEqual({
    topic: 'calls',
    partition: 0,
    kind: 'live',
    first_offset: 2,
    next_offset: 10,
    watermark: '2026-03-01T09:59:50.000Z',
    vouched_by: 'all that the log held at 2026-03-01T10:00:00.000Z is stored',
    reason: null,
  });
});

test('an ended file is listed with the event that its watermark rests on (contract 4.24)', () => {
  expect(listed(endedFile('a', { latestEvent: at }))).toMatchObject({
    kind: 'ended',
    watermark: '2026-03-01T09:59:57.000Z',
    vouched_by: 'its latest event, of 2026-03-01T10:00:00.000Z',
    reason: null,
  });
});

const unstored = { firstOffset: null, nextOffset: null, recordsRead: 0 };
const look = (stable: number, high = stable) => ({ at, stable, high });

test.each<[string, Source, object]>([
  [
    'read, and all is stored',
    liveSource(0, { look: look(10) }),
    { kind: 'live', watermark: null, vouched_by: null, reason: null },
  ],
  ['read, before the first look', liveSource(0), { kind: 'live', reason: null }],
  [
    'read, with records to store',
    liveSource(0, { look: look(12, 15) }),
    { kind: 'live', reason: '5 of its records are not stored' },
  ],
  [
    'read, behind an open transaction',
    liveSource(0, { look: look(10, 15) }),
    { kind: 'live', reason: 'an open transaction hides offsets 10 to 14' },
  ],
  [
    'read from 7 on, with nothing stored',
    liveSource(0, { ...unstored, assignedAt: 7, look: look(8) }),
    { next_offset: null, reason: '1 of its records are not stored' },
  ],
  [
    'not read',
    liveSource(0, { assignedAt: null }),
    { kind: 'not read', reason: 'no process with this database reads it' },
  ],
  [
    'not listed any more, and never stored from',
    liveSource(0, { ...unstored, assignedAt: null, isListed: false }),
    { kind: 'not read', reason: 'no longer followed' },
  ],
  [
    'of another log than what was stored',
    liveSource(0, { changed: 'it ends at 3' }),
    { kind: 'live', reason: 'its log has changed: it ends at 3' },
  ],
  [
    'a file that is not finished',
    endedFile('a', { end: null }),
    { kind: 'live', watermark: null, reason: 'ingest has not read it to its end' },
  ],
  [
    'ended by hand',
    liveSource(0, { assignedAt: null, vouchedAt: at, end: byHand }),
    {
      kind: 'ended by hand',
      watermark: '2026-03-01T09:59:50.000Z',
      reason: 'ended by ben at 2026-03-01T10:00:00.000Z',
    },
  ],
])('a partition that is %s says so', (_, source, wanted) => {
  expect(listed(source)).toMatchObject(wanted);
});

test('partitions are in the order of topics, and then of numbers', () => {
  const all = [liveSource(10), liveSource(2), endedFile('a')];
  expect(listPartitions(sourcesOf(all), lateness).map(of => `${of.topic} ${of.partition}`)).toEqual([
    'a 0',
    'calls 2',
    'calls 10',
  ]);
});

describe('ending a partition by hand (contract 4.27)', () => {
  const end = (warehouse: NotedSources, partition: number | null, topic = 'calls') =>
    endPartition(warehouse, { partition: { topic, partition }, who: 'ben', clock: { now: () => at } });

  test('is recorded with who did it and when, and the watermark stays', async () => {
    const warehouse = new NotedSources(sourcesOf([liveSource(0), liveSource(1, { assignedAt: null, vouchedAt: at })]));
    await end(warehouse, 1);
    expect(warehouse.recorded.partitions.get('calls/1')).toMatchObject({ end: byHand, vouchedAt: at });
    expect(warehouse.recorded.partitions.get('calls/0')?.end).toBeNull();
  });

  test('works for a file that will never be finished', async () => {
    const warehouse = new NotedSources(sourcesOf([endedFile('a', { end: null })]));
    await end(warehouse, 0, 'a');
    expect(warehouse.recorded.partitions.get('a/0')?.end).toEqual(byHand);
  });

  test.each([
    ['ingest', { by: 'ingest' } as const],
    ['somebody else', { by: 'hand', who: 'ann', at: 1 } as const],
  ])('changes nothing when %s has ended it', async (_, before) => {
    const warehouse = new NotedSources(sourcesOf([endedFile('a', { end: before })]));
    await end(warehouse, 0, 'a');
    expect(warehouse.recorded.partitions.get('a/0')?.end).toEqual(before);
  });

  test('works for a topic that no process follows any more, and is refused while one does', async () => {
    const topics = [followedTopic({ listedAt: at })];
    const warehouse = new NotedSources(sourcesOf([liveSource(0, { assignedAt: null })], { topics }));
    const listed = () => listPartitions(warehouse.recorded, lateness).at(-1);
    expect(listed()).toMatchObject({ topic: 'calls', partition: null, kind: 'not read', first_offset: null });
    await end(warehouse, null);
    expect(warehouse.recorded.topics).toEqual([{ ...topics[0], end: byHand }]);
    expect(listed()).toMatchObject({ kind: 'ended by hand', reason: expect.stringMatching(/^ended by ben at /) });

    const following = new NotedSources(sourcesOf([liveSource(0)], { topics }));
    expect(listPartitions(following.recorded, lateness).at(-1)).toMatchObject({ kind: 'live', reason: null });
    await expect(end(following, null)).rejects.toMatchObject({ code: 'PARTITION_READ' });
    await expect(end(following, null, 'other')).rejects.toMatchObject({ code: 'PARTITION_UNKNOWN' });
  });

  test('is refused for one that is unknown', async () => {
    await expect(end(new NotedSources(), 7)).rejects.toMatchObject({
      code: 'PARTITION_UNKNOWN',
      exitCode: 66,
      httpStatus: 404,
      message: 'there is no partition or topic calls/7; allowed are those that tidemark partitions lists',
    });
  });

  test('is refused for one that this process reads', async () => {
    const warehouse = new NotedSources(sourcesOf([liveSource(0)]));
    await expect(end(warehouse, 0)).rejects.toMatchObject({ code: 'PARTITION_READ', exitCode: 65, httpStatus: 409 });
    expect(warehouse.records).toBe(0);
  });
});
