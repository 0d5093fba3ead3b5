import { describe, expect, test } from 'vitest';
import type { FollowedTopic, Source } from '../../../pipeline/completeness/sources.ts';
import { followedTopic, liveSource } from '../../support/event-sources.ts';
import { complete, endOf, enough, judgeAll, ownLook, provisional, read, timeTo } from '../../support/judging.ts';

const noTopics: readonly FollowedTopic[] = [];

describe('live sources vouch by the clock of a look whose end is stored (contract 4.20, 4.23)', () => {
  test.each<[string, readonly Source[], readonly FollowedTopic[]]>([
    ['the window ends exactly at the watermark', [read(enough)], noTopics],
    ['the watermark is later', [read(enough + 1)], noTopics],
    [
      'each of three partitions has reached the end',
      [0, 1, 2].map(at => liveSource(at, { vouchedAt: enough + at })),
      noTopics,
    ],
    ['the topic was listed at the last moment that counts', [read(enough)], [followedTopic({ listedAt: enough })]],
    ['the topic has no partition at all', [], [followedTopic({ listedAt: enough, partitions: 0 })]],
    [
      'its list is fixed, so that no partition can be added',
      [read(enough)],
      [followedTopic({ declared: [0], listedAt: 1 })],
    ],
  ])('complete: %s', (_, all, topics) => {
    expect(judgeAll(all, {}, { topics })).toEqual(
      complete(expect.stringMatching(/^the log as it was at 2026-03-01T10:00:10\.00[01]Z$/)),
    );
  });

  test.each<[string, readonly Source[], readonly FollowedTopic[], ReturnType<typeof provisional>]>([
    [
      'a millisecond is missing',
      [read(enough - 1)],
      noTopics,
      provisional(
        /^calls\/0: watermark 2026-03-01T09:59:59\.999Z; complete at the earliest when all that the log held at 2026-03-01T10:00:10\.000Z is stored$/,
      ),
    ],
    [
      'no look was ever stored',
      [read(null)],
      noTopics,
      provisional(/^calls\/0: has no watermark yet; complete at the earliest .*10:00:10\.000Z is stored$/),
    ],
    [
      'two of three partitions are not as far',
      [read(enough), liveSource(1), liveSource(2, { vouchedAt: timeTo })],
      noTopics,
      provisional(/^calls\/1: /, /^calls\/2: /),
    ],
    [
      'a partition may have been added since the topic was listed',
      [read(enough)],
      [followedTopic({ listedAt: enough - 1 })],
      provisional(/^calls: a partition may have been added since 2026-03-01T10:00:09\.999Z; complete at the earliest/),
    ],
    [
      'the topic was not listed yet',
      [],
      [followedTopic()],
      provisional(/^calls: its partitions have not been listed yet$/),
    ],
    [
      'one of two topics was not listed yet',
      [read(enough)],
      [followedTopic({ listedAt: enough }), followedTopic({ topic: 'chats' })],
      provisional(/^chats: /),
    ],
  ])('provisional: %s', (_, all, topics, wanted) => {
    expect(judgeAll(all, {}, { topics })).toEqual(wanted);
  });

  test.each([
    ['the allowed one', { allowedMs: 25_000, clockMs: 10_000 }, 25_000],
    ['that of clocks', { allowedMs: 10_000, clockMs: 25_000 }, 25_000],
    ['none', { allowedMs: 0, clockMs: 0 }, 0],
  ])('the larger lateness counts: %s', (_, given, needed) => {
    const rest = (listedAt: number) => ({ topics: [followedTopic({ listedAt })] });
    const at = timeTo + needed;
    expect(judgeAll([read(at)], { lateness: given }, rest(at)).status).toBe('complete');
    expect(judgeAll([read(at - 1)], { lateness: given }, rest(at)).status).toBe('provisional');
    expect(judgeAll([read(at)], { lateness: given }, rest(at - 1)).status).toBe('provisional');
  });

  test('event times play no part: an idle partition holds nothing back, and an event of 2099 moves nothing', () => {
    const idle = read(enough, { firstOffset: null, nextOffset: null, recordsRead: 0, latestEvent: null });
    expect(judgeAll([idle]).status).toBe('complete');
    expect(judgeAll([read(enough - 1, { latestEvent: Date.parse('2099-01-01T00:00:00Z') })]).status).toBe(
      'provisional',
    );
  });

  test('the earliest clock is named as what vouches', () => {
    const both = [read(enough + 5_000), liveSource(1, { vouchedAt: enough + 2_000 })];
    const topics = [followedTopic({ listedAt: enough + 7_000 })];
    expect(judgeAll(both, {}, { topics }).vouchedBy).toEqual(['the log as it was at 2026-03-01T10:00:12.000Z']);
  });
});

describe('each partition of the own look is stored up to its last stable offset (contract 4.20)', () => {
  test.each([
    ['exactly', ownLook(endOf(0, 10))],
    ['and the records behind it belong to an open transaction', ownLook(endOf(0, 10, 1_000))],
    ['and beyond', ownLook(endOf(0, 9))],
  ])('complete: it is, %s', (_, ends) => {
    expect(judgeAll([read(enough)], { ends }).status).toBe('complete');
  });

  test('provisional: a record below it is not stored, although the watermark is late enough', () => {
    const ends = ownLook(endOf(0, 11, 15));
    expect(judgeAll([read(enough)], { ends })).toEqual(
      provisional(/^calls\/0: watermark 2026-03-01T10:00:00\.000Z; 5 of its records are not stored$/),
    );
  });

  test('provisional: nothing of a partition is stored, and its reading began below the end', () => {
    const first = read(enough, { nextOffset: null, firstOffset: null, recordsRead: 0 });
    expect(judgeAll([first], { ends: ownLook(endOf(0, 1)) }).status).toBe('provisional');
    expect(judgeAll([first], { ends: ownLook(endOf(0, 0)) }).status).toBe('complete');
  });

  test('provisional: the log did not answer', () => {
    const ends = { from: 'no answer' } as const;
    expect(judgeAll([read(enough)], { ends })).toEqual(provisional(/^the log could not be looked at$/));
  });

  test.each([
    ['complete', 10],
    ['provisional', 11],
  ])('without a look of its own, the latest one counts: %s', (status, stable) => {
    const look = { at: enough, stable, high: 11 };
    expect(judgeAll([read(enough, { look })]).status).toBe(status);
  });

  test('the latest look does not count where the export has its own', () => {
    const look = { at: enough, stable: 900, high: 900 };
    expect(judgeAll([read(enough, { look })], { ends: ownLook(endOf(0, 10)) }).status).toBe('complete');
  });
});

describe('sources that must vouch (contract 4.26)', () => {
  test.each([
    ['that the topic lists and that was never read', { nextOffset: null, firstOffset: null, recordsRead: 0 }],
    ['that was read before', { vouchedAt: enough - 1 }],
    ['that is not configured any more', { vouchedAt: enough - 1, isListed: false }],
  ])('provisional: a partition %s and is not read by this process', (_, changes) => {
    const unread = liveSource(1, { assignedAt: null, ...changes });
    expect(judgeAll([read(enough), unread])).toEqual(provisional(/^calls\/1: .*; this process does not read it$/));
  });

  test('complete: a partition that moved away stays where it was, and older windows are complete', () => {
    expect(judgeAll([read(enough), liveSource(1, { assignedAt: null, vouchedAt: enough })]).status).toBe('complete');
  });

  test('complete: a partition that was listed once, is not any more, and that nothing was stored from', () => {
    const empty = { isListed: false, assignedAt: null, nextOffset: null, firstOffset: null, recordsRead: 0 };
    expect(judgeAll([read(enough), liveSource(1, empty)]).status).toBe('complete');
  });

  test('provisional: nothing was ever ingested', () => {
    expect(judgeAll([])).toEqual(provisional(/^nothing was ever ingested$/));
  });

  test('provisional: the own look found a partition that is not read', () => {
    const listed = liveSource(1, { assignedAt: null, nextOffset: null, firstOffset: null, recordsRead: 0 });
    expect(judgeAll([read(enough), listed], { ends: ownLook(endOf(0, 10), endOf(1, 7)) })).toEqual(
      provisional(/^calls\/1: has no watermark yet; this process does not read it; 7 of its records are not stored$/),
    );
  });
});

describe('split services (contract 2.9, 4.20)', () => {
  test('provisional: the window selects some', () => {
    expect(judgeAll([read(enough)], { splitServices: 2 })).toEqual(
      provisional(/^2 of the services have events from more than one log$/),
    );
  });

  test('the reason says so when an earlier version may have set the marks', () => {
    expect(judgeAll([read(enough)], { splitServices: 2 }, { hasOlderMarks: true })).toEqual(
      provisional(
        /more than one log \(some may be marks of an earlier version, which took each file for a log of its own\)$/,
      ),
    );
    expect(judgeAll([read(enough)], {}, { hasOlderMarks: true }).status).toBe('complete');
  });
});
