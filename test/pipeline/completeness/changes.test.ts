import { describe, expect, test } from 'vitest';
import { withAssigned, withLook, withTopics } from '../../../pipeline/completeness/changes.ts';
import { withCoverage, withEnd, withGiven, withoutGiven, withTopicEnd } from '../../../pipeline/completeness/ends.ts';
import {
  mustVouch,
  noSources,
  type Source,
  type Sources,
  watermarkOf,
} from '../../../pipeline/completeness/sources.ts';
import { afterBatch, endedFile, followedTopic, liveSource, sourcesOf } from '../../support/event-sources.ts';

const lateness = { allowedMs: 3_000, clockMs: 10_000 };
const byHand = { by: 'hand', who: 'ben', at: 5 } as const;
const partition = { topic: 'calls', partition: 0 };
const calls = (sources: Sources): Source => sources.partitions.get('calls/0')!;

describe('logs of a followed folder (contract 4.26)', () => {
  const log = { topic: 'b@1', partition: 0 };
  const looked = withLook(
    withTopics(noSources, [{ topic: 'folder', declared: null }]),
    { at: 5, ends: [{ partition: log, low: 0, stable: 5, high: 5 }], topics: new Map([['folder', 1]]) },
    noSources,
  );

  test('stay listed when the same folder is followed again, also while nothing of them is stored', () => {
    const again = withTopics(looked, [{ topic: 'folder', declared: null }]);
    expect(again.partitions.get('b@1/0')).toMatchObject({ isListed: true });
    expect(mustVouch(again.partitions.get('b@1/0')!)).toBe(true);
  });

  test('are no longer listed when another folder is followed', () => {
    const other = withTopics(looked, [{ topic: 'elsewhere', declared: null }]);
    expect(other.partitions.get('b@1/0')).toMatchObject({ isListed: false });
  });

  test('a topic that was ended by hand is live again with the next look at it', () => {
    const end = { by: 'hand', who: 'ben', at: 6 } as const;
    const ended = withTopicEnd(looked, 'folder', end);
    expect(ended.topics[0]).toMatchObject({ end });
    const look = { at: 7, ends: [], topics: new Map([['folder', 1]]) };
    expect(withLook(ended, look, ended).topics[0]).toMatchObject({ end: null, listedAt: 7 });
  });
});

test('where reading began is kept from the assignment on, while nothing is stored (contract 4.31)', () => {
  const partition = { topic: 'calls', partition: 0 };
  const assigned = withAssigned(noSources, [{ partition, at: 5 }], 'kafka');
  expect(assigned.partitions.get('calls/0')).toMatchObject({ firstOffset: 5, nextOffset: null });
  const taken = withAssigned(assigned, [], 'kafka');
  expect(taken.partitions.get('calls/0')).toMatchObject({ assignedAt: null, firstOffset: 5 });
});

describe('topics that run follows (contract 4.26)', () => {
  test('are not listed yet at first', () => {
    expect(withTopics(noSources, [{ topic: 'calls', declared: null }]).topics).toEqual([
      { topic: 'calls', declared: null, partitions: null, listedAt: null, end: null },
    ]);
  });

  test('that were followed before in the same way keep what their looks found; others are forgotten', () => {
    const looked = { partitions: 3, listedAt: 50 };
    const before = {
      ...noSources,
      topics: [
        followedTopic(looked),
        followedTopic({ topic: 'part', declared: [0, 1], ...looked }),
        followedTopic({ topic: 'other-part', declared: [0], ...looked }),
        followedTopic({ topic: 'old', ...looked }),
      ],
    };
    const topics = [
      { topic: 'new', declared: null },
      { topic: 'calls', declared: null },
      { topic: 'part', declared: [0, 1] },
      { topic: 'other-part', declared: [0, 1] },
    ];
    expect(withTopics(before, topics).topics).toEqual([
      { topic: 'new', declared: null, partitions: null, listedAt: null, end: null },
      { topic: 'calls', declared: null, partitions: 3, listedAt: 50, end: null },
      { topic: 'part', declared: [0, 1], partitions: 3, listedAt: 50, end: null },
      { topic: 'other-part', declared: [0, 1], partitions: null, listedAt: null, end: null },
    ]);
  });

  test.each([
    ['a topic that is followed', [{ topic: 'calls', declared: null }], [true, true]],
    ['a declared list', [{ topic: 'calls', declared: [1] }], [false, true]],
    ['no topic any more', [], [false, false]],
  ])('of %s only its partitions stay listed', (_, topics, listed) => {
    const after = withTopics(sourcesOf([liveSource(0), liveSource(1)]), topics);
    expect(Array.from(after.partitions.values(), ({ isListed }) => isListed)).toEqual(listed);
    expect(Array.from(after.partitions.values()).every(mustVouch), 'records were stored from both').toBe(true);
  });

  test('a partition that no look listed does not become listed', () => {
    const before = sourcesOf([liveSource(0, { isListed: false })]);
    expect(calls(withTopics(before, [{ topic: 'calls', declared: null }])).isListed).toBe(false);
  });
});

describe('partitions that this process reads', () => {
  test('are known from then on, and must vouch', () => {
    const source = calls(withAssigned(noSources, [{ partition, at: 7 }], 'kafka'));
    expect(source).toMatchObject({ kind: 'live', origin: 'kafka', assignedAt: 7, nextOffset: null });
    expect(mustVouch(source)).toBe(true);
  });

  test('that are taken away keep their watermark (contract 4.26)', () => {
    const source = calls(withAssigned(sourcesOf([liveSource(0, { vouchedAt: 50_000 })]), [], 'kafka'));
    expect(source.assignedAt).toBeNull();
    expect(watermarkOf(source, lateness)).toBe(40_000);
  });

  test('are no longer ended by hand (contract 4.27)', () => {
    const before = sourcesOf([liveSource(0, { assignedAt: null, end: byHand })]);
    expect(calls(withAssigned(before, [{ partition, at: 10 }], 'kafka')).end).toBeNull();
    expect(calls(withAssigned(before, [], 'kafka')).end).toEqual(byHand);
  });
});

describe('sources that ingest was given (contract 4.25)', () => {
  const given = { topic: 'a', partition: 0, origin: '/data/a.ndjson' };

  test('are recorded, and windows wait for them, before a record of them is stored', () => {
    const source = withGiven(noSources, [given], 'file').partitions.get('a/0')!;
    expect(source).toMatchObject({ origin: '/data/a.ndjson', kind: 'file', end: null, nextOffset: null });
    expect(mustVouch(source)).toBe(true);
  });

  test('that had ended are live until they are read to their end again', () => {
    const before = sourcesOf([endedFile('a', { latestEvent: 50_000 })]);
    expect(watermarkOf(before.partitions.get('a/0')!, lateness)).toBe(47_000);
    const reading = withGiven(before, [given], 'file');
    expect(watermarkOf(reading.partitions.get('a/0')!, lateness)).toBeNull();
    const ended = withEnd(reading, [given], { by: 'ingest' });
    expect(ended.partitions.get('a/0')).toEqual(before.partitions.get('a/0'));
  });

  test('that are refused stay what they were, or are forgotten', () => {
    const before = sourcesOf([endedFile('a')]);
    const other = { topic: 'b', partition: 0, origin: '/data/b.ndjson' };
    const reading = withGiven(before, [given, other], 'file');
    expect(withoutGiven(reading, before, [given, other]).partitions).toEqual(before.partitions);
    expect([...withoutGiven(reading, before, [given]).partitions.keys()]).toEqual(['a/0', 'b/0']);
  });

  test('cannot end when they are not known', () => {
    expect(() => withEnd(noSources, [given], { by: 'ingest' })).toThrow('a/0 is no source of this store');
  });
});

test('a declaration is only ever raised (contract 4.28)', () => {
  const raised = [30, 50, 40].reduce(withCoverage, noSources);
  expect(raised.coversUntil).toBe(50);
});

test('no change changes the sources that it was given', () => {
  const before = sourcesOf([liveSource(0)], { topics: [followedTopic()] });
  const copy = structuredClone(before);
  const look = { at: 1, ends: [{ partition, low: 0, stable: 20, high: 20 }], topics: new Map([['calls', 2]]) };
  withLook(afterBatch(withAssigned(withTopics(before, []), [], 'x')), look, before);
  withGiven(withEnd(withCoverage(before, 1), [partition], byHand), [{ ...partition, origin: 'y' }], 'file');
  expect(before).toEqual(copy);
});
