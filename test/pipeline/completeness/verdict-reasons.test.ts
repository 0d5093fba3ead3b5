import { describe, expect, test } from 'vitest';
import { endedFile, followedTopic, liveSource } from '../../support/event-sources.ts';
import { enough, judgeAll, provisional, read, timeFrom } from '../../support/judging.ts';

describe('changed logs (contract 4.33)', () => {
  const changed = 'it ends at 3, below the stored offset 10';

  test.each([null, enough - 1])(
    'provisional after the watermark, and the reason names what changed (%s)',
    vouchedAt => {
      expect(judgeAll([read(vouchedAt, { changed })])).toEqual(
        provisional(/^calls\/0: .*; its log has changed: it ends at 3, below the stored offset 10$/),
      );
    },
  );

  test('complete up to the watermark', () => {
    expect(judgeAll([read(enough, { changed })]).status).toBe('complete');
  });

  test('complete once it is ended by hand', () => {
    const end = { by: 'hand', who: 'ben', at: enough } as const;
    expect(judgeAll([read(enough), liveSource(1, { assignedAt: null, changed, end })]).status).toBe('complete');
  });
});

describe('reasons (contract 4.34)', () => {
  const look = { at: enough + 90_400, stable: 10, high: 15 };

  test('an open transaction is named with the offsets that it hides, and for how long that was seen', () => {
    const hidden = read(enough - 1, { look, stableSince: enough });
    expect(judgeAll([hidden])).toEqual(
      provisional(/10:00:10\.000Z is stored; an open transaction hides offsets 10 to 14, seen for 90 s$/),
    );
  });

  test.each([
    ['while records before it are not stored', { nextOffset: 9, look }],
    ['when the last stable offset is the end', { look: { ...look, high: 10 } }],
    ['when the watermark is late enough', { vouchedAt: enough, nextOffset: 9, look }],
    ['before the first look', { look: null }],
  ])('no transaction is named %s', (_, changes) => {
    const reasons = judgeAll([read(enough - 1, { stableSince: enough, ...changes })]).reasons.join('; ');
    expect(reasons).toContain('calls/0');
    expect(reasons).not.toContain('transaction');
  });
});

test.each([
  [
    'an unknown beginning (contract 4.31)',
    { firstOffset: 3, firstTime: timeFrom },
    /^calls\/0: its first reading began at 3/,
  ],
  [
    'a gap (contract 4.32)',
    { gaps: [{ from: 3, to: 5, reason: 'deleted', watermark: null, timeAfter: null }] },
    /^calls\/0: 2 offsets from 3 on were lost \(deleted\)/,
  ],
])('provisional: %s, also of a source that has ended', (_, changes, reason) => {
  expect(judgeAll([read(enough, changes)])).toEqual(provisional(reason));
  const end = { by: 'hand', who: 'ben', at: enough } as const;
  expect(judgeAll([liveSource(1, { vouchedAt: enough }), read(enough, { ...changes, end })])).toEqual(
    provisional(reason),
  );
});

test('all reasons are given, and nothing vouches then (contract 4.20, 4.34)', () => {
  const all = [read(null), endedFile('a', { end: null })];
  const judged = judgeAll(all, { splitServices: 1, ends: { from: 'no answer' } }, { topics: [followedTopic()] });
  expect(judged.reasons).toHaveLength(5);
  expect(judged.vouchedBy).toEqual([]);
});
