import { describe, expect, test } from 'vitest';
import {
  checkIdentity,
  checkRange,
  checkTopicId,
  judge,
  type Verdict,
} from '../../../../connectors/kafka/reading/lost-records.ts';
import type { Fetched, PartitionReading } from '../../../../connectors/kafka/reading/partition-reading.ts';
import { fetched, log, partition, readingOf, storedAt } from '../../../support/kafka/judged.ts';

/** Every decision on a fetch, without a broker: which is taken, fetched again, written down as lost, or refused. */

const changed = (words: RegExp) => ({ code: 'SOURCE_CHANGED', retry: false, message: expect.stringMatching(words) });
const recordsLost = (words: RegExp) => ({ code: 'RECORDS_LOST', retry: false, message: expect.stringMatching(words) });
const lost = (from: number, to: number) => ({
  from,
  to,
  reason: `deleted by Kafka before it was read; the log begins at ${to}`,
});

/** Stored up to 10, where the last record lay at 9 or, as after an aborted transaction, at 7. */
const at10 = () => readingOf(storedAt(10, 9));
const at10Last7 = () => readingOf(storedAt(10, 7));
const at10NoRecord = () => readingOf(storedAt(10, null));
const neverRead = () => readingOf();
/** As `at10`, after a fetch showed that the record at 9 still lies there. */
function seenAt10(): PartitionReading {
  const reading = at10();
  expect(judge(fetched(5, [5, 6, 7, 8, 9], { high: 30 }), reading, 'stop')).toBe('take');
  return reading;
}

type Outcome = Verdict | ReturnType<typeof changed>;
type Case = readonly [story: string, () => PartitionReading, Fetched, stop: Outcome, skip: Outcome];
/** A decision that the policy does not change. */
const either = (story: string, reading: () => PartitionReading, fetch: Fetched, outcome: Outcome): Case => [
  story,
  reading,
  fetch,
  outcome,
  outcome,
];

const goneOn = /t\/3: 10 was to be read next, but the log ends at 4: the topic was made anew, or cut/;
const goneBefore = /t\/3: 10 was to be read next, but the log now begins at 25; .* set kafka_on_lost_records to skip/;
const other = /t\/3: another record lies at 9 than the one read from there: .*begin with a new database/;

const cases: readonly Case[] = [
  either('a partition that was never read takes what comes', neverRead, fetched(7, [7, 8], { logStart: 7 }), 'take'),
  either('never read, from anywhere', neverRead, fetched(99, [99], { logStart: 5, high: 200 }), 'take'),

  either('the last record and what follows it', at10, fetched(9, [9, 10, 11]), 'take'),
  either('the last record alone', at10, fetched(9, [9]), 'take'),
  either('from long before the last record', at10, fetched(0, [0, 5, 9, 10]), 'take'),
  either('the last record, a hole, then more', at10Last7, fetched(7, [7, 12]), 'take'),
  either('another record where the last one lay', at10, fetched(9, [9, 10], { content: 'theirs' }), changed(other)),
  either('no record where the last one lay', at10, fetched(9, [10, 11]), changed(other)),
  either('nothing at all where the last one lay', at10, fetched(9, [], { nextOffset: 12 }), changed(other)),
  either(
    'another record, in a log that seems cut too',
    at10,
    fetched(9, [9], { content: 'x', high: 4 }),
    changed(other),
  ),

  either('what ends before the last record', at10, fetched(3, [3, 4], { high: 30 }), 'take'),
  either('what ends right before the last record', at10, fetched(3, [3, 8], { nextOffset: 9, high: 10 }), 'take'),
  either('old records of a log that ends before us', at10, fetched(3, [3], { high: 4 }), changed(goneOn)),
  [
    'old records of a log that begins behind us',
    at10,
    fetched(3, [3], { logStart: 25, high: 30 }),
    recordsLost(goneBefore),
    'take',
  ],

  either('what goes on, but holds nothing to compare', at10, fetched(10, [10, 11], { high: 30 }), 'again'),
  either('the same, where the log begins at the last record', at10, fetched(10, [10], { logStart: 9 }), 'again'),
  either('the same, where the last record is deleted', at10, fetched(10, [10, 11], { logStart: 10 }), 'take'),
  either('the same from between last record and position', at10Last7, fetched(8, [10], { logStart: 8 }), 'take'),
  either('an unproven fetch of a log that ends before us', at10, fetched(10, [], { high: 4 }), changed(goneOn)),
  [
    'an unproven fetch of a log that begins behind us',
    at10,
    fetched(10, [], { logStart: 25, high: 30 }),
    recordsLost(goneBefore),
    'take',
  ],
  either('what goes on after the last record was seen', seenAt10, fetched(10, [10, 11], { high: 30 }), 'take'),
  either('a seen record that another replaced', seenAt10, fetched(9, [9], { content: 'theirs' }), changed(other)),

  either('a gap though nothing is deleted', at10, fetched(12, [12], { high: 30 }), 'again'),
  either('a gap though the log begins at what is next', at10, fetched(12, [12], { logStart: 10, high: 30 }), 'again'),
  either('a gap behind the end of a log that was cut', at10, fetched(25, [], { high: 4 }), changed(goneOn)),
  either('a gap whose position is the end of the log', at10, fetched(12, [], { high: 10 }), 'again'),
  [
    'a gap up to where the log now begins',
    at10,
    fetched(25, [25, 26], { logStart: 25, high: 30 }),
    recordsLost(goneBefore),
    lost(10, 25),
  ],
  [
    'a gap of one record',
    seenAt10,
    fetched(11, [11], { logStart: 11, high: 30 }),
    recordsLost(/10 was to be read next, but the log now begins at 11/),
    lost(10, 11),
  ],
  [
    'a gap beyond where the log now begins',
    at10,
    fetched(27, [27], { logStart: 25, high: 30 }),
    recordsLost(goneBefore),
    'again',
  ],

  either('no record was ever stored: what goes on', at10NoRecord, fetched(10, [10]), 'take'),
  either('no record was ever stored: from before', at10NoRecord, fetched(4, [4, 10]), 'take'),
  [
    'no record was ever stored: a gap',
    at10NoRecord,
    fetched(25, [25], { logStart: 25, high: 30 }),
    recordsLost(goneBefore),
    lost(10, 25),
  ],
];

describe.each(['stop', 'skip'] as const)('with the policy to %s', policy => {
  test.each(cases)('%s', (_, reading, fetch, stop, skip) => {
    const wanted = policy === 'stop' ? stop : skip;
    const judged = () => judge(fetch, reading(), policy);
    if (typeof wanted === 'object' && 'code' in wanted) expect(judged).toThrow(expect.objectContaining(wanted));
    else expect(judged()).toEqual(wanted);
  });
});

test('where the record to compare with is deleted, one fetch is taken unproven and all later ones are as seen', () => {
  const reading = at10();
  reading.assign(0);
  expect(reading.start).toBe(9);
  expect(judge(fetched(10, [10], { logStart: 10, high: 30 }), reading, 'stop')).toBe('take');
  expect(reading.start).toBe(10);
  expect(judge(fetched(10, [10], { high: 30 }), reading, 'stop')).toBe('take');
});

describe('the range of a log', () => {
  test.each([
    ['the first of what it holds', 5, 'fine', 'fine'],
    ['its end, where nothing is yet', 20, 'fine', 'fine'],
    ['behind its end', 21, 'SOURCE_CHANGED', 'SOURCE_CHANGED'],
    ['before what it holds', 4, 'RECORDS_LOST', 'fine'],
  ])('a position that is %s', (_, position, stop, skip) => {
    for (const [policy, code] of [
      ['stop', stop],
      ['skip', skip],
    ] as const) {
      const check = () => checkRange({ partition, low: 5, high: 20 }, position, policy);
      if (code === 'fine') expect(check).not.toThrow();
      else expect(check).toThrow(expect.objectContaining({ code }));
    }
  });
});

describe('the identity of a log', () => {
  const from = (more: object) => ({ ...storedAt(10, 9), ...more });
  const elsewhere = changed(
    /t\/3: it was read from .*, and this is kafka c; correct kafka_brokers, or begin with a new/,
  );
  const anew = changed(/topic t was made anew: its id is another, and what was read had id; begin with a new database/);

  test.each([
    ['the same cluster and topic', from({}), log, null],
    ['another cluster', from({ origin: 'kafka d' }), log, elsewhere],
    ['no Kafka at all', from({ origin: 'file x' }), log, elsewhere],
    ['the same topic, made anew', from({}), { ...log, topicId: 'another' }, anew],
    ['a cluster that has no ids for topics', from({}), { ...log, topicId: null }, null],
    ['a position without a record', from({ bookmark: null }), { ...log, topicId: 'another' }, null],
    ['a bookmark that a stranger wrote', from({ bookmark: '{"offset":1}' }), { ...log, topicId: 'another' }, null],
  ])('%s', (_, stored, found, wanted) => {
    const check = () => checkIdentity(stored, found);
    if (wanted === null) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining(wanted));
  });

  test.each([
    ['both unknown', null, null, true],
    ['what was read unknown', null, 'a', true],
    ['what is found unknown', 'a', null, true],
    ['the same', 'a', 'a', true],
    ['different', 'a', 'b', false],
  ])('topic ids: %s', (_, read, found, isFine) => {
    const check = () => checkTopicId('t', read, found);
    if (isFine) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining(changed(/its id is b, and what was read had a/)));
  });
});
