import { describe, expect, test } from 'vitest';
import { whyGap, whyUnknownBeginning } from '../../../pipeline/completeness/losses.ts';
import type { Gap, Source } from '../../../pipeline/completeness/sources.ts';
import { endedFile, liveSource } from '../../support/event-sources.ts';

const firstTime = Date.parse('2026-03-01T10:00:00.000Z');
const skewMs = 300_000;
/** The last `time_from` of a window that may lack events. */
const bound = firstTime + 2 * skewMs;
const hour = 3_600_000;

describe('an unknown beginning (contract 4.31)', () => {
  const why = (source: Source, timeFrom: number) =>
    whyUnknownBeginning(source, { timeFrom, timeTo: timeFrom + hour, skewMs });
  const lost = { firstOffset: 7, firstTime };

  test('makes windows provisional that begin at the bound or before', () => {
    const reason =
      'calls/0: its first reading began at 7, so earlier events may be missing; windows that begin after 2026-03-01T10:10:00.000Z have all';
    expect(why(liveSource(0, lost), bound)).toBe(reason);
    expect(why(liveSource(0, lost), 0)).toBe(reason);
  });

  test('leaves windows alone that begin after the bound', () => {
    expect(why(liveSource(0, lost), bound + 1)).toBeNull();
  });

  test.each([
    ['nothing is stored from it', { ...lost, firstTime: null }],
    [
      'only offsets without records are stored from it',
      { firstTime: null, firstOffset: 7, nextOffset: 9, recordsRead: 0 },
    ],
    ['nothing is stored and its reading began above offset 0', { firstOffset: 7, nextOffset: null, assignedAt: null }],
  ])('makes every window provisional while %s', (_, changes) => {
    expect(why(liveSource(0, changes), 8.64e15)).toMatch(
      /^calls\/0: its first reading began at 7, .*no record was stored since$/,
    );
  });

  test.each<[string, Source]>([
    [
      'a reading from offset 0, also with markers below the first stored record',
      liveSource(0, { firstOffset: 0, firstTime }),
    ],
    ['a reading that begins at offset 0 now', liveSource(0, { firstOffset: null, nextOffset: null, assignedAt: 0 })],
    [
      'a partition that was never read: it has no watermark anyhow',
      liveSource(0, { firstOffset: null, nextOffset: null, assignedAt: null }),
    ],
    ['a file: all of it was read', endedFile('a', { firstOffset: 7 })],
  ])('is no reason for %s', (_, source) => {
    expect(why(source, 0)).toBeNull();
  });

  test('where this process reads on says nothing about where the first reading began', () => {
    expect(why(liveSource(0, { firstOffset: 0, nextOffset: 10, assignedAt: 10 }), 0)).toBeNull();
    expect(why(liveSource(0, { ...lost, nextOffset: 10, assignedAt: 0 }), 0)).not.toBeNull();
  });

  test('counts for a log folder', () => {
    expect(why(endedFile('a', { kind: 'folder', ...lost }), bound)).not.toBeNull();
  });

  test('is one where an earlier version did not record the first offset', () => {
    expect(why(liveSource(0, { firstOffset: null, firstTime: null }), 0)).toMatch(
      /^calls\/0: it is not known where its first reading began, .*no record was stored since$/,
    );
  });
});

describe('a gap (contract 4.32)', () => {
  const watermark = firstTime - hour;
  const gap: Gap = { from: 3, to: 8, reason: 'deleted by retention', watermark, timeAfter: firstTime };
  const why = (changes: Partial<Gap>, timeFrom: number, timeTo: number) =>
    whyGap(liveSource(0), { ...gap, ...changes }, { timeFrom, timeTo, skewMs });

  test('makes windows provisional that end after its watermark and begin at its bound or before', () => {
    const reason =
      'calls/0: 5 offsets from 3 on were lost (deleted by retention); windows that begin after 2026-03-01T10:10:00.000Z have all';
    expect(why({}, bound, bound + 1)).toBe(reason);
    expect(why({}, 0, watermark + 1)).toBe(reason);
    expect(why({}, 0, bound + hour)).toBe(reason);
  });

  test.each([
    ['end at the watermark that it was met with', 0, watermark],
    ['begin after its bound', bound + 1, bound + hour],
  ])('leaves windows alone that %s', (_, timeFrom, timeTo) => {
    expect(why({}, timeFrom, timeTo)).toBeNull();
  });

  test('while no record is stored after it, concerns every window that ends after its watermark', () => {
    expect(why({ timeAfter: null }, 8.64e15 - 1, 8.64e15)).toMatch(/; no record was stored since$/);
    expect(why({ timeAfter: null }, 0, watermark)).toBeNull();
  });

  test('concerns every earlier window when the partition had no watermark then', () => {
    expect(why({ watermark: null }, 0, 1)).not.toBeNull();
    expect(why({ watermark: null }, bound + 1, bound + hour)).toBeNull();
  });
});
