import { describe, expect, test } from 'vitest';
import { type Look, withAssigned, withChangedLog, withLook } from '../../../pipeline/completeness/changes.ts';
import { mustVouch, noSources, type Source, type Sources } from '../../../pipeline/completeness/sources.ts';
import { afterBatch, followedTopic, liveSource, sourcesOf } from '../../support/event-sources.ts';

const partition = { topic: 'calls', partition: 0 };
const calls = (sources: Sources): Source => sources.partitions.get('calls/0')!;
const upTo = (nextOffset: number) => ({ next: { nextOffset, bookmark: null } });

describe('a look (contract 4.23)', () => {
  const look = (at: number, high: number, stable = high): Look => ({
    at,
    ends: [{ partition, low: 0, stable, high }],
    topics: new Map([['calls', 1]]),
  });
  const seen = (sources: Sources, one: Look) => withLook(sources, one, sources);
  const before = sourcesOf([liveSource(0)], { topics: [followedTopic()] });
  const vouchedAt = (sources: Sources): number | null => calls(sources).vouchedAt;

  test.each([
    ['at its end', 10, 100],
    ['beyond its end, as it was stored meanwhile', 10, 100],
  ])('counts at once when the stored offset is %s', (_, high, wanted) => {
    expect(vouchedAt(seen(before, look(100, high)))).toBe(wanted);
  });

  test('counts as soon as its high end is stored, not a record earlier', () => {
    const looked = seen(before, look(100, 15));
    expect(vouchedAt(looked)).toBeNull();
    expect(vouchedAt(afterBatch(looked, upTo(14)))).toBeNull();
    expect(vouchedAt(afterBatch(looked, upTo(15)))).toBe(100);
    expect(vouchedAt(afterBatch(looked, upTo(16)))).toBe(100);
  });

  test('does not count when only its last stable offset is stored', () => {
    expect(vouchedAt(seen(before, look(100, 15, 10)))).toBeNull();
  });

  test('counts when offsets without records, such as markers, are stored up to its end', () => {
    const looked = seen(before, look(100, 15));
    expect(vouchedAt(afterBatch(looked, { ...upTo(15), recordsRead: 0, applied: 0, quarantined: 0 }))).toBe(100);
  });

  test('of an empty partition counts at once', () => {
    const empty = withAssigned(noSources, [{ partition, at: 7 }], 'kafka');
    expect(vouchedAt(seen(empty, look(100, 7)))).toBe(100);
    expect(vouchedAt(seen(empty, look(100, 8)))).toBeNull();
  });

  test('the latest of those that are stored counts, and the others wait', () => {
    let sources = [1, 2, 3].reduce((all, step) => seen(all, look(step * 100, 10 + step)), before);
    sources = afterBatch(sources, upTo(12));
    expect(vouchedAt(sources)).toBe(200);
    expect(calls(sources).pending).toEqual([{ at: 300, high: 13 }]);
  });

  test('with an earlier clock, because that stepped back, moves nothing back', () => {
    const sources = seen(seen(before, look(100, 10)), look(50, 10));
    expect(vouchedAt(sources)).toBe(100);
    expect(sources.topics[0]?.listedAt).toBe(100);
  });

  test('of a partition that this process does not read does not count', () => {
    const unread = sourcesOf([liveSource(0, { assignedAt: null, vouchedAt: 30 })]);
    expect(vouchedAt(seen(unread, look(100, 10)))).toBe(30);
  });

  test('makes a partition known that nobody has read yet, and it must vouch (contract 4.26)', () => {
    const source = calls(seen(noSources, look(100, 0)));
    expect(source).toMatchObject({ isListed: true, assignedAt: null, nextOffset: null, look: { at: 100, high: 0 } });
    expect(mustVouch(source)).toBe(true);
  });

  test('counts for a topic that it listed, and not for another', () => {
    const two = { ...before, topics: [followedTopic(), followedTopic({ topic: 'chats' })] };
    expect(seen(two, look(100, 15)).topics.map(({ listedAt, partitions }) => [listedAt, partitions])).toEqual([
      [100, 1],
      [null, 1],
    ]);
  });

  test('remembers since when the last stable offset is where it is', () => {
    const since = (sources: Sources): number | null => calls(sources).stableSince;
    const first = seen(before, look(100, 15, 12));
    const second = seen(first, look(200, 18, 12));
    const third = seen(second, look(300, 18, 13));
    expect([first, second, third].map(since)).toEqual([100, 100, 300]);
  });

  test('after a restart it is not known since when', () => {
    const restarted = sourcesOf([liveSource(0, { look: { at: 100, stable: 12, high: 15 }, stableSince: null })]);
    expect(calls(seen(restarted, look(200, 15, 12))).stableSince).toBe(200);
  });

  test('of a partition far behind keeps few, among them the oldest and the newest', () => {
    let sources = before;
    for (let step = 1; step <= 10_000; step += 1) sources = seen(sources, look(step, 10 + step));
    expect(calls(sources).pending.length).toBeLessThanOrEqual(64);
    expect(calls(sources).pending.at(-1)).toEqual({ at: 10_000, high: 10_010 });
    expect(vouchedAt(afterBatch(sources, upTo(11)))).toBe(1);
    expect(vouchedAt(afterBatch(sources, upTo(10_010)))).toBe(10_000);
  });
});

describe('a partition that stays behind', () => {
  test.each([10, 100, 1_000])('by %d looks has a watermark that is behind by at most twice as many, and 64', behind => {
    const before = sourcesOf([liveSource(0)]);
    const end = (high: number) => [{ partition, low: 0, stable: high, high }];
    let sources = before;
    let most = 0;
    for (let step = 1; step <= 10_000; step += 1) {
      sources = withLook(sources, { at: step, ends: end(10 + step), topics: new Map() }, sources);
      if (step > behind) sources = afterBatch(sources, upTo(10 + step - behind));
      if (step > 3 * behind) most = Math.max(most, step - calls(sources).vouchedAt!);
    }
    expect(most).toBeGreaterThanOrEqual(behind);
    expect(most).toBeLessThanOrEqual(2 * behind + 64);
  });
});

describe('an end below what is stored (contract 4.33)', () => {
  const look = (at: number, high: number): Look => ({
    at,
    ends: [{ partition, low: 0, stable: high, high }],
    topics: new Map(),
  });
  const before = sourcesOf([liveSource(0, { vouchedAt: 50 })]);

  test('keeps the watermark where it is from then on, also when the log has grown again', () => {
    let sources = withLook(before, look(100, 9), before);
    expect(calls(sources)).toMatchObject({ vouchedAt: 50, changed: 'it ends at 9, below the stored offset 10' });
    sources = withLook(sources, look(200, 20), sources);
    sources = afterBatch(sources, upTo(20));
    sources = withLook(sources, look(300, 20), sources);
    expect(calls(sources)).toMatchObject({ vouchedAt: 50, changed: expect.stringContaining('it ends at 9') });
  });

  test('is none when the end is exactly what is stored', () => {
    expect(calls(withLook(before, look(100, 10), before)).changed).toBeNull();
  });

  test('is compared with what was stored as the end was asked for', () => {
    const meanwhile = afterBatch(before, upTo(15));
    expect(calls(withLook(meanwhile, look(100, 10), before))).toMatchObject({ changed: null, vouchedAt: 100 });
  });

  test('a log that is found to be another one keeps its first reason, and other partitions are not touched', () => {
    const sources = withChangedLog(
      sourcesOf([liveSource(0, { changed: 'first' }), liveSource(1), liveSource(2)]),
      [partition, { topic: 'calls', partition: 1 }],
      'another id',
    );
    expect(Array.from(sources.partitions.values(), ({ changed }) => changed)).toEqual(['first', 'another id', null]);
  });
});
