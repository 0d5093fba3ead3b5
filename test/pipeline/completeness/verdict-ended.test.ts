import { describe, expect, test } from 'vitest';
import type { Source } from '../../../pipeline/completeness/sources.ts';
import { endedFile, followedTopic, liveSource } from '../../support/event-sources.ts';
import { complete, endOf, enough, judgeAll, ownLook, provisional, read, timeTo } from '../../support/judging.ts';

describe('ended sources (contract 4.20, 4.24)', () => {
  const day = (topic: string, latestEvent: number | null, changes: Partial<Source> = {}) =>
    endedFile(topic, { latestEvent, ...changes });

  test.each([
    ['the latest event is exactly at the end', [day('a', timeTo)], ['the events of a/0 (a.ndjson)']],
    ['one of them reaches the end', [day('a', timeTo - 1), day('b', timeTo)], ['the events of b/0 (b.ndjson)']],
    [
      'several do',
      [day('a', timeTo), day('b', timeTo + 1)],
      ['the events of a/0 (a.ndjson)', 'the events of b/0 (b.ndjson)'],
    ],
  ])('complete: %s', (_, all, vouchedBy) => {
    expect(judgeAll(all)).toEqual(complete(...vouchedBy));
  });

  test.each([
    [
      'a millisecond is missing',
      day('a', timeTo - 1),
      /^the events that were ingested reach 2026-03-01T09:59:59\.999Z, not 2026-03-01T10:00:00\.000Z; .*--covers-until 2026-03-01T10:00:00\.000Z$/,
    ],
    [
      'no event had a time',
      day('a', null),
      /^no source that was read to its end has an event with a time; .*--covers-until/,
    ],
  ])('provisional: %s', (_, file, reason) => {
    expect(judgeAll([file])).toEqual(provisional(reason));
  });

  test('only the allowed lateness counts for them, not that of clocks', () => {
    const given = { allowedMs: 3_000, clockMs: 60_000 };
    expect(judgeAll([day('a', timeTo + 3_000)], { lateness: given }).status).toBe('complete');
    expect(judgeAll([day('a', timeTo + 2_999)], { lateness: given }).status).toBe('provisional');
  });

  test('an ended source neither holds a window back nor vouches beside a live one', () => {
    expect(judgeAll([read(enough), day('a', timeTo - 86_400_000)]).status).toBe('complete');
    expect(judgeAll([read(enough - 1), day('a', timeTo + 86_400_000)])).toEqual(provisional(/^calls\/0: watermark/));
  });

  test('an answer of the log is needed also when all have ended', () => {
    expect(judgeAll([day('a', timeTo)], { ends: { from: 'no answer' } }).status).toBe('provisional');
  });
});

describe('unfinished sources (contract 4.25)', () => {
  test.each(['file', 'folder'] as const)('provisional: ingest has not read a %s to its end', kind => {
    const unfinished = endedFile('b', { kind, end: null, latestEvent: timeTo + 1 });
    expect(judgeAll([endedFile('a', { latestEvent: timeTo }), unfinished])).toEqual(
      provisional(/^b\/0 \(b\.ndjson\): ingest has not read it to its end$/),
    );
  });

  test('provisional: a source was recorded and nothing of it is stored yet', () => {
    const recorded = endedFile('b', { end: null, firstOffset: null, nextOffset: null, recordsRead: 0 });
    expect(judgeAll([endedFile('a', { latestEvent: timeTo }), recorded]).status).toBe('provisional');
  });
});

describe('sources that were ended by hand (contract 4.27)', () => {
  const end = { by: 'hand', who: 'ben', at: enough } as const;

  test('hold no window back', () => {
    const ended = liveSource(1, { assignedAt: null, vouchedAt: timeTo - 1, end });
    expect(judgeAll([read(enough), ended]).status).toBe('complete');
    expect(judgeAll([endedFile('a', { latestEvent: timeTo }), endedFile('b', { end })]).status).toBe('complete');
  });

  test.each([
    ['complete', enough],
    ['provisional', enough - 1],
  ])('keep their watermark, which vouches when all have ended: %s', (status, vouchedAt) => {
    expect(judgeAll([liveSource(1, { assignedAt: null, vouchedAt, end })]).status).toBe(status);
  });

  test('a file that was never finished has no watermark, whatever it held', () => {
    expect(judgeAll([endedFile('a', { latestEvent: timeTo, end })]).status).toBe('provisional');
  });

  test('an ended partition is not asked to be stored up to the own look', () => {
    const ended = liveSource(1, { assignedAt: null, end });
    expect(judgeAll([read(enough), ended], { ends: ownLook(endOf(0, 10), endOf(1, 99)) }).status).toBe('complete');
  });
});

describe('declared times (contract 4.28)', () => {
  const files = [endedFile('a', { latestEvent: timeTo - 1 })];

  test('complete: the declaration is exactly at the end of the window', () => {
    expect(judgeAll(files, {}, { coversUntil: timeTo })).toEqual(complete('covers-until 2026-03-01T10:00:00.000Z'));
  });

  test('provisional: the declaration ends before', () => {
    expect(judgeAll(files, {}, { coversUntil: timeTo - 1 }).status).toBe('provisional');
  });

  test('lateness plays no part', () => {
    const given = { allowedMs: 60_000, clockMs: 60_000 };
    expect(judgeAll(files, { lateness: given }, { coversUntil: timeTo }).status).toBe('complete');
  });

  test('it vouches for no live source, and for no topic', () => {
    expect(judgeAll([...files, read(null)], {}, { coversUntil: timeTo })).toEqual(provisional(/^calls\/0: /));
    const topics = [followedTopic()];
    expect(judgeAll(files, {}, { coversUntil: timeTo, topics })).toEqual(provisional(/^calls: /));
  });
});
